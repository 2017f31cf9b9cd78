/** Whether a machine can put up what a job requires. Pure. */
import { type Isolation, isDemanding, type MachineWalls } from '#model';

/** Why it cannot, or null. A machine that has not said what it can is taken to be able of nothing. */
export function wallsRefusal(isolation: Isolation, walls: MachineWalls | null): string | null {
  if (!isDemanding(isolation)) return null;
  if (walls === null) return 'the job asks for walls, and it has not said which it can put up';
  const { require, network, root, write } = isolation;
  const missing = require.filter((wall) => !walls.able.includes(wall));
  if (missing.length > 0)
    return `it cannot put up walls that the job requires: ${missing.join(', ')}`;
  if (network !== null && !walls.networks.includes(network)) {
    return `it cannot give the job a network that is "${network}"`;
  }
  if (root !== '' && !walls.roots.includes(root)) return `it has no root called "${root}"`;
  const closed = write.find((path) => !walls.writable.some((one) => isWithin(path, one)));
  return closed === undefined ? null : `it does not let jobs write to ${closed}`;
}

/** Both absolute. `..` leads out, whatever the path begins with. */
function isWithin(path: string, directory: string): boolean {
  if (path.split('/').includes('..')) return false;
  return (
    path === directory || path.startsWith(directory.endsWith('/') ? directory : `${directory}/`)
  );
}
