/** What holds an attempt where no cgroup does. Pure. */
import type { Wall } from '#model';
import type { Fence } from '../fence/fence.ts';
import type { Ground, Plot } from './ground.ts';
import type { Limit } from './part.ts';

/** What a program reserves counts here, not only what it uses: stacks of threads, arenas of malloc. */
const DATA_TIMES = 2;
const DATA_BEYOND_BYTES = 256 * 2 ** 20;

/** Who is over what it asked for is to be seen so, and told; a fork bomb is to be stopped all the same. */
const TASKS_TIMES = 2;
const TASKS_BEYOND = 32;

/**
 * Limits of each single process (setrlimit(2)), as brakes on what can happen between two looks at all
 * of them, which are what judges. Processes are counted for an account, so they are limited only where
 * the slot has one of its own, or where each attempt has a user namespace and the kernel counts there.
 */
export function brakesOf(
  { request, account }: Pick<Plot, 'request' | 'account'>,
  ground: Pick<Ground, 'uid'> & { readonly mostTasks: number },
  held: ReadonlySet<Wall>,
  fence: Pick<Fence, 'countsProcesses'> | null,
): Limit[] {
  const { memoryBytes, processes } = request;
  const isOwn = account.uid !== ground.uid && account.ofSlot === true;
  const most = isOwn ? processes : fence?.countsProcesses ? mostInside(processes, ground) : 0;
  const wanted = {
    data:
      held.has('memory') || memoryBytes === 0 ? 0 : DATA_TIMES * memoryBytes + DATA_BEYOND_BYTES,
    nproc: held.has('tasks') ? 0 : most,
  };
  return Object.entries(wanted)
    .filter(([, most]) => most > 0)
    .map(([resource, most]) => ({ resource, soft: most, hard: most }));
}

function mostInside(processes: number, { mostTasks }: { readonly mostTasks: number }): number {
  return processes > 0 ? TASKS_TIMES * processes + TASKS_BEYOND : mostTasks;
}

/** Files in /dev/shm are nobody's memory in a look at processes, so they are bounded apart. */
export function sharedMemoryBytes(
  { request }: Pick<Plot, 'request'>,
  held: ReadonlySet<Wall>,
  fence: Pick<Fence, 'boundsMemory'>,
): number | null {
  const isBound = request.memoryBytes > 0 && !held.has('memory') && fence.boundsMemory;
  return isBound ? request.memoryBytes : null;
}
