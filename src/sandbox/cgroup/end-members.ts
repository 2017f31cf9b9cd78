/**
 * Ending every process of a group, so that none is left awake to replace the dead, and making sure
 * that it is empty. What cannot be killed – stuck inside the kernel, as on a dead file server – is
 * reported with all that is known of it.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '#base';
import { sendSignal } from '../process-tree.ts';
import { type Stuck, stuckAmong } from '../stuck.ts';
import type { GroupFiles } from './group-files.ts';
import { wordsOf } from './hierarchies.ts';

export interface EndedMembers {
  /** How many members there were. */
  readonly killed: number;
  readonly stuck: readonly Stuck[];
}

/** Long enough for a large program to free its memory, short enough to tell somebody. */
export const GIVE_UP_MS = 10_000;
const FREEZE_WAIT_MS = 500;
const LONGEST_PAUSE_MS = 64;

/**
 * What version 2 says in one small file of a group and all groups inside it. False where it is not said, as
 * in version 1: then one has to look.
 */
export function isEmpty(directory: string, files: GroupFiles): boolean {
  return files.read(`${directory}/cgroup.events`)?.startsWith('populated 0\n') ?? false;
}

/**
 * Kills all members of the group at `directory` and those of groups inside it, in the strongest way
 * that its files offer. Never rejects.
 */
export async function endMembers(
  directory: string,
  files: GroupFiles,
  clock: Clock,
  giveUpMs = GIVE_UP_MS,
): Promise<EndedMembers> {
  const killed = new Set<number>();
  const deadlineMs = clock.monotonic() + giveUpMs;
  let by: KillBy | null = null;
  for (let waitMs = 1; ; waitMs = Math.min(2 * waitMs, LONGEST_PAUSE_MS)) {
    const members = membersOf(directory, files);
    // The usual one is empty.
    if (members.length === 0) return { killed: killed.size, stuck: [] };
    by ??= killByOf(directory, files);
    for (const pid of members) killed.add(pid);
    if (clock.monotonic() > deadlineMs) {
      return { killed: killed.size, stuck: stuckAmong(members) };
    }
    await KILL[by](directory, files, clock);
    await pause(waitMs);
  }
}

/**
 * Every process in the group, and in groups inside of it unless only `itself` is asked for. Those of
 * other pid namespaces are 0 and left out.
 */
export function membersOf(directory: string, files: GroupFiles, how?: 'itself'): number[] {
  const own = wordsOf(files.read(`${directory}/cgroup.procs`)).map(Number);
  const pids = own.filter((pid) => pid > 0);
  if (how === 'itself') return pids;
  const inside = files
    .groupsIn(directory)
    .flatMap((name) => membersOf(`${directory}/${name}`, files));
  return [...pids, ...inside];
}

type KillBy =
  /** `cgroup.kill` of version 2, Linux 5.14: the kernel kills them all at once, new ones too. */
  | 'cgroup.kill'
  /** Frozen by version 2, killed one by one, thawed. */
  | 'cgroup.freeze'
  /** Frozen by the freezer of version 1, killed one by one, thawed. */
  | 'freezer'
  /** Killed one by one until none is left: a fork bomb is only outrun where tasks are limited. */
  | 'members';

function killByOf(directory: string, files: GroupFiles): KillBy {
  if (files.has(`${directory}/cgroup.kill`)) return 'cgroup.kill';
  if (files.has(`${directory}/cgroup.freeze`)) return 'cgroup.freeze';
  return files.has(`${directory}/freezer.state`) ? 'freezer' : 'members';
}

type Kill = (directory: string, files: GroupFiles, clock: Clock) => Promise<void>;

const KILL: Readonly<Record<KillBy, Kill>> = {
  'cgroup.kill': async (directory, files) =>
    attempt(() => files.write(`${directory}/cgroup.kill`, '1')),
  'cgroup.freeze': (directory, files, clock) =>
    killFrozen(directory, files, clock, {
      file: 'cgroup.freeze',
      frozen: '1',
      thawed: '0',
      isFrozen: () => /^frozen 1$/m.test(files.read(`${directory}/cgroup.events`) ?? ''),
    }),
  freezer: (directory, files, clock) =>
    killFrozen(directory, files, clock, {
      file: 'freezer.state',
      frozen: 'FROZEN',
      thawed: 'THAWED',
      isFrozen: () => files.read(`${directory}/freezer.state`)?.trim() === 'FROZEN',
    }),
  members: async (directory, files) => {
    for (const pid of membersOf(directory, files)) sendSignal(pid, 'SIGSTOP');
    for (const pid of membersOf(directory, files)) sendSignal(pid, 'SIGKILL');
  },
};

interface Freezer {
  readonly file: string;
  readonly frozen: string;
  readonly thawed: string;
  isFrozen(): boolean;
}

/**
 * A group in which something sleeps in the kernel never says that it is frozen; the rest is, and
 * dies. The frozen of version 1 die only when they are thawed.
 */
async function killFrozen(
  directory: string,
  files: GroupFiles,
  clock: Clock,
  freezer: Freezer,
): Promise<void> {
  attempt(() => files.write(`${directory}/${freezer.file}`, freezer.frozen));
  const deadlineMs = clock.monotonic() + FREEZE_WAIT_MS;
  while (!freezer.isFrozen() && clock.monotonic() < deadlineMs) await pause(1);
  for (const pid of membersOf(directory, files)) sendSignal(pid, 'SIGKILL');
  attempt(() => files.write(`${directory}/${freezer.file}`, freezer.thawed));
}

function attempt(write: () => void): void {
  try {
    write();
  } catch {
    // The group is gone, or the next round tries again and the verdict is what is left at the end.
  }
}
