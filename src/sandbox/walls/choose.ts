/** Which walls an attempt gets: from what its job wants and what the machine can. Pure. */
import {
  type Isolation,
  LEVELS,
  type Level,
  type Network,
  type ResourceRequest,
  WALLS,
  type Wall,
} from '#model';

/** They stand or fall together: bubblewrap puts them up at once. */
export const FENCE: readonly Wall[] = ['track', 'pid', 'ipc', 'hostname', 'devices'];
/** They need a fence, and a fence can do without them. */
const ON_THE_FENCE: readonly Wall[] = ['tmp', 'files', 'readonly', 'network'];

export interface Machine {
  readonly able: ReadonlySet<Wall>;
  readonly networks: readonly Network[];
  /** What attempts get whose jobs say nothing. */
  readonly level: Level;
  readonly isRoot: boolean;
  /** A cgroup or a group id knows an attempt's processes without a fence. */
  readonly hasTracker: boolean;
}

export interface Choice {
  readonly wanted: Level | readonly Wall[];
  readonly walls: ReadonlySet<Wall>;
  readonly fenced: boolean;
  readonly network: Network;
  /** Required, and not possible here. */
  readonly missing: readonly Wall[];
}

/** Whether no wall at all is to be put up, whatever the machine can. */
export function asksForNothing(
  isolation: Isolation,
  request: ResourceRequest,
  level: Level,
): boolean {
  const wanted = isolation.walls ?? level;
  return (
    (typeof wanted === 'string' ? LEVELS[wanted] : wanted).length === 0 &&
    requiredWalls(isolation).length === 0 &&
    isolation.root === '' &&
    limitsOf(request).length === 0
  );
}

export function chooseWalls(
  isolation: Isolation,
  request: ResourceRequest,
  machine: Machine,
): Choice {
  const wanted = isolation.walls ?? machine.level;
  const asked = new Set<Wall>(typeof wanted === 'string' ? LEVELS[wanted] : wanted);
  for (const wall of requiredWalls(isolation)) asked.add(wall);
  for (const wall of limitsOf(request)) asked.add(wall);
  // The job itself says that it is to have the host's network.
  if (isolation.network === 'host') asked.delete('network');
  const hasNetwork = isolation.network === null || machine.networks.includes(isolation.network);
  const isAble = (wall: Wall) => machine.able.has(wall) && (wall !== 'network' || hasNetwork);
  const missing = requiredWalls(isolation).filter((wall) => !isAble(wall));
  const possible = new Set([...asked].filter((wall) => machine.able.has(wall)));
  const walls = withCompanions(possible, machine, isolation.root);
  const fenced = walls.has('pid');
  const network = isolation.network ?? (walls.has('network') ? 'none' : 'host');
  return { wanted, walls, fenced, network, missing };
}

/** What is asked for is what is enforced, where the machine can, whatever the level. */
function limitsOf({ memoryBytes, processes }: ResourceRequest): Wall[] {
  return [
    ...(memoryBytes > 0 ? ['memory' as const] : []),
    ...(processes > 0 ? ['tasks' as const] : []),
  ];
}

/** Every wall without which the job is not to run. */
export function requiredWalls({ require, network }: Isolation): Wall[] {
  const walls = new Set(require);
  if (network === 'none' || network === 'accounted') walls.add('network');
  return WALLS.filter((wall) => walls.has(wall));
}

/** Behind a fence nobody is root, and who runs there instead sees nothing of the worker's. */
const INSTEAD_OF_ROOT: readonly Wall[] = ['account', 'files', 'privileges'];

function withCompanions(asked: ReadonlySet<Wall>, machine: Machine, root: string): Set<Wall> {
  const walls = new Set(asked);
  if (root !== '' || needsFence(walls, machine)) {
    for (const wall of FENCE) walls.add(wall);
    if (machine.isRoot) for (const wall of INSTEAD_OF_ROOT) walls.add(wall);
  }
  return walls;
}

function needsFence(walls: ReadonlySet<Wall>, { hasTracker, isRoot }: Machine): boolean {
  if (walls.has('track') && !hasTracker) return true;
  if (walls.has('account') && isRoot) return true;
  const fenced = [...FENCE.filter((wall) => wall !== 'track'), ...ON_THE_FENCE];
  return fenced.some((wall) => walls.has(wall));
}
