/**
 * Ends everything that a finder finds, and waits until that is nothing. Frozen first, killed second:
 * nobody is left awake to start a replacement for the dead.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '#base';
import type { ProcessRow } from '../process-table.ts';
import { signalTree } from '../process-tree.ts';

export interface KilledAll {
  /** How many there were. */
  readonly killed: number;
  /** What SIGKILL did not end. */
  readonly left: readonly ProcessRow[];
}

/** Long enough for a large program to free its memory, short enough to tell somebody. */
export const GIVE_UP_MS = 30_000;
const LONGEST_PAUSE_MS = 64;

export async function killAll(
  find: () => readonly ProcessRow[],
  clock: Clock,
  giveUpMs = GIVE_UP_MS,
): Promise<KilledAll> {
  const killed = new Set<string>();
  const deadlineMs = clock.monotonic() + giveUpMs;
  for (let waitMs = 1; ; waitMs = Math.min(2 * waitMs, LONGEST_PAUSE_MS)) {
    const found = find();
    if (found.length === 0) return { killed: killed.size, left: [] };
    if (clock.monotonic() > deadlineMs) return { killed: killed.size, left: found };
    signalTree(found, 'SIGSTOP');
    const frozen = find();
    signalTree(frozen, 'SIGKILL');
    for (const row of frozen) killed.add(`${row.pid} ${row.startTicks}`);
    await pause(waitMs);
  }
}
