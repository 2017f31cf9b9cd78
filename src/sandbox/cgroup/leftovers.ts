/** Groups of a worker that was killed: found by their name wherever they are, and removed. */
import type { Clock } from '#base';
import type { Stuck } from '../stuck.ts';
import { endMembers } from './end-members.ts';
import { type GroupFiles, kernelFiles } from './group-files.ts';
import { removeTree } from './hand.ts';
import type { Hierarchy } from './hierarchies.ts';
import { asideName } from './settle.ts';

export interface Cleared {
  /** Groups that were there and are gone now, those inside not counted. */
  readonly removed: readonly string[];
  readonly killed: number;
  readonly stuck: readonly Stuck[];
  readonly left: readonly { readonly directory: string; readonly reason: string }[];
}

/** Groups looked into per tree, and how deep: machines with more have them from container engines. */
const MOST_LOOKED_INTO = 5000;
const DEEPEST = 10;

/**
 * Ends and removes the groups called `name` and what stepped aside for them, in all trees. To be
 * called under the lock of the directory that the name is made from: then they are a dead worker's.
 */
export async function clearGroups(
  name: string,
  hierarchies: readonly Hierarchy[],
  clock: Clock,
  files: GroupFiles = kernelFiles,
): Promise<Cleared> {
  const [removed, stuck, left] = [[] as string[], [] as Stuck[], [] as Cleared['left'][number][]];
  let killed = 0;
  for (const directory of hierarchies.flatMap((tree) => findGroups(name, tree, files))) {
    const ended = await endMembers(directory, files, clock);
    const reason = removeTree(directory, files);
    killed += ended.killed;
    stuck.push(...ended.stuck);
    if (reason === undefined) removed.push(directory);
    else left.push({ directory, reason });
  }
  return { removed, killed, stuck, left };
}

/** The own place is looked at first, so that it is found however many others there are. */
function findGroups(name: string, tree: Hierarchy, files: GroupFiles): string[] {
  const wanted = new Set([name, asideName(name)]);
  const found = new Set<string>();
  let budget = MOST_LOOKED_INTO;
  const look = (directory: string, depth: number): void => {
    if (budget-- <= 0 || depth > DEEPEST) return;
    for (const inside of files.groupsIn(directory)) {
      const path = `${directory}/${inside}`;
      if (wanted.has(inside)) found.add(path);
      else look(path, depth + 1);
    }
  };
  look(tree.own, 0);
  if (tree.own !== tree.mountPoint) look(tree.mountPoint, 0);
  return [...found];
}
