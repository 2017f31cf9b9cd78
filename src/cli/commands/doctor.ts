import { LEVEL_NAMES, LEVELS, WALLS } from '#model';
import type { CommandInput } from '../command.ts';
import { lookOf } from '../format.ts';
import type { WallFound, WallsFound } from '../sandbox-port.ts';
import type { doctor as spec } from '../table/sandbox.ts';
import { formatFacts, formatTable } from '../text-table.ts';
import type { World } from '../world.ts';

/** `windrow doctor` */
export async function doctor(input: CommandInput<typeof spec>, world: World): Promise<number> {
  const { values } = input.settings;
  const found = await (await input.composition.sandbox()).examine(values, values.workerDirectory);
  if (input.options.json) await world.stdout.json({ ...found, levels: levelsOf(found) });
  else await world.stdout.write(doctorText(found, world));
  const lacking = levelsOf(found).find(({ level }) => level === found.level)?.lacking ?? [];
  return lacking.length === 0 ? 0 : 1;
}

function levelsOf({ ways }: WallsFound) {
  const able = new Set(ways.filter((way) => way.able).map(({ wall }) => wall));
  return LEVEL_NAMES.map((level) => ({
    level,
    lacking: LEVELS[level].filter((wall) => !able.has(wall)),
  }));
}

function doctorText(found: WallsFound, world: World): string {
  const columns = [{ title: 'WALL' }, { title: 'HERE' }, { title: 'HOW, OR WHY NOT' }];
  const rows = rowsOf(found).map(({ wall, able, how, reason }) => [
    wall,
    able ? 'yes' : 'no',
    able ? how : `${how}: ${reason}`,
  ]);
  const levels = levelsOf(found).map(({ level, lacking }) => {
    const own = level === found.level ? ' (what attempts get by themselves)' : '';
    return [
      level,
      `${lacking.length === 0 ? 'yes' : `without ${lacking.join(', ')}`}${own}`,
    ] as const;
  });
  const remedies = new Map<string, string[]>();
  for (const { remedy, wall, able } of rowsOf(found)) {
    if (!able) remedies.set(remedy, [...(remedies.get(remedy) ?? []), wall]);
  }
  const mend = [...remedies].map(([remedy, walls]) => [`for ${walls.join(', ')}`, remedy] as const);
  return [
    formatTable(columns, rows, { ...lookOf(world.stdout), width: null }),
    trackingText(found, world),
    formatFacts([
      ...levels,
      ['networks', found.networks.join(', ')],
      ['roots', found.roots.join(', ') || 'none'],
    ]),
    mend.length === 0 ? '' : `To mend:\n${formatFacts(mend)}`,
    found.remarks.map((remark) => `${remark}\n`).join(''),
  ]
    .filter((part) => part !== '')
    .join('\n');
}

/** By which means the processes of an attempt are known, and what each would overlook. */
function trackingText({ tracking }: WallsFound, world: World): string {
  const columns = [{ title: 'PROCESSES KNOWN BY' }, { title: 'HERE' }, { title: 'MISSES' }];
  const rows = tracking.map(({ name, able, used, misses, reason }) => [
    name,
    used ? 'used' : able ? 'yes' : 'no',
    able ? misses : `${misses} (${reason})`,
  ]);
  return formatTable(columns, rows, { ...lookOf(world.stdout), width: null });
}

/** One row for each wall; of a wall with several ways those that are open, else the first that is not. */
function rowsOf({ ways }: WallsFound): WallFound[] {
  return WALLS.flatMap((wall): WallFound[] => {
    const own = ways.filter((way) => way.wall === wall);
    const open = own.filter(({ able }) => able);
    // The network is of two kinds, and each is worth having without the other.
    if (wall === 'network') return own;
    if (own.length > 0) {
      const [first] = open.length > 0 ? open : own;
      return [{ ...first!, how: open.map(({ how }) => how).join('; ') || first!.how }];
    }
    const reason = 'nothing here puts it up';
    return [{ wall, able: false, how: 'none', reason, remedy: 'there is none' }];
  });
}
