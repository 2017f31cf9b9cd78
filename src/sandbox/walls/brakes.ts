/** What holds an attempt where no cgroup does. Pure. */
import type { Wall } from '#model';
import type { Ground, Plot } from './ground.ts';
import type { Limit } from './part.ts';

/** What a program reserves counts here, not only what it uses: stacks of threads, arenas of malloc. */
const DATA_TIMES = 2;
const DATA_BEYOND_BYTES = 256 * 2 ** 20;

/**
 * Limits of each single process (setrlimit(2)), as brakes on what can happen between two looks at all
 * of them, which are what judges. Processes are counted for an account, so they are limited only where
 * the slot has one of its own.
 */
export function brakesOf(
  { request, account }: Pick<Plot, 'request' | 'account'>,
  ground: Pick<Ground, 'uid'>,
  held: ReadonlySet<Wall>,
): Limit[] {
  const { memoryBytes, processes } = request;
  const isOwn = account.uid !== ground.uid && account.ofSlot === true;
  const wanted = {
    data:
      held.has('memory') || memoryBytes === 0 ? 0 : DATA_TIMES * memoryBytes + DATA_BEYOND_BYTES,
    nproc: held.has('tasks') || !isOwn ? 0 : processes,
  };
  return Object.entries(wanted)
    .filter(([, most]) => most > 0)
    .map(([resource, most]) => ({ resource, soft: most, hard: most }));
}
