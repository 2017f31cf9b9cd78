/** Walls in words. */
import { type Isolation, LEVELS, levelOf, type WallsHad } from '#model';

/** What an attempt had, beside what was wanted: `private (wanted full), memory; as slot1_user`. */
export function wallsText({ wanted, had, network, root, account }: WallsHad): string {
  const level = levelOf(had);
  const beyond = had.filter((wall) => !(LEVELS[level] as readonly string[]).includes(wall));
  const wish = wanted === level ? '' : ` (wanted ${named(wanted)})`;
  const parts = [`${level}${wish}`, ...beyond].join(', ');
  const place = root === '' ? '' : `; in root ${root}`;
  return `${parts}; network ${network}${place}; as ${account}`;
}

/** What a job asks for, or `''`. */
export function isolationText({ walls, require, network, root, write }: Isolation): string {
  const parts = [
    walls === null ? '' : named(walls),
    require.length === 0 ? '' : `requires ${require.join(', ')}`,
    network === null ? '' : `network ${network}`,
    root === '' ? '' : `root ${root}`,
    write.length === 0 ? '' : `writes to ${write.join(', ')}`,
  ];
  return parts.filter((part) => part !== '').join('; ');
}

function named(walls: string | readonly string[]): string {
  if (typeof walls === 'string') return walls;
  return walls.length === 0 ? 'none' : walls.join(', ');
}
