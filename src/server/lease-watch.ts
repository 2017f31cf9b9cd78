/**
 * Finds the workers that have not been heard of for their lease. The server can only hear while it
 * runs, and it has heard only what it has read, so two things come before a verdict:
 *
 * - Time in which this process did not get round to its timer (a long commit, a slow disk, SIGSTOP,
 *   a starved machine) is nobody's silence: it is added to every lease.
 * - Whatever lies in the sockets is read first: the event loop turns a few times between suspicion
 *   and verdict, and a worker that is heard of meanwhile is not judged.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Core, Worker } from './core.ts';
import { onWorkerSilent } from './reactor/lost.ts';
import { endPauses } from './reactor/workers.ts';

const TICK_MS = 250;
/** A timer of a busy process is late by this without anything being wrong. */
const LATE_MS = 250;
/** One accepts a connection, one reads from it, one takes what was read; and two to spare. */
const TURNS = 5;

export class LeaseWatch {
  readonly #core: Core;
  readonly #onTick: () => void;
  #timer: NodeJS.Timeout | undefined;
  #lastMs = 0;
  #isJudging = false;

  /** @param onTick called about four times a second, for what else is due by time */
  constructor(core: Core, onTick: () => void) {
    this.#core = core;
    this.#onTick = onTick;
  }

  start(): void {
    // Not the clock of decisions: this measures how long this very process did not run.
    this.#lastMs = performance.now();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tick(): void {
    const now = performance.now();
    prolongLeases(this.#core, now - this.#lastMs - TICK_MS - LATE_MS);
    this.#lastMs = now;
    endPauses(this.#core);
    this.#onTick();
    if (!this.#isJudging && silentWorkers(this.#core).length > 0) void this.#judge();
  }

  async #judge(): Promise<void> {
    this.#isJudging = true;
    const suspects = silentWorkers(this.#core).map(({ id, lastHeardMs }) => ({ id, lastHeardMs }));
    for (let turn = 0; turn < TURNS; turn++) await nextTurn();
    this.#isJudging = false;
    if (this.#timer === undefined) return;
    for (const { id, lastHeardMs } of suspects) {
      const worker = this.#core.workers.get(id);
      if (worker && worker.lastHeardMs === lastHeardMs) onWorkerSilent(this.#core, worker);
    }
  }
}

function prolongLeases(core: Core, stalledMs: number): void {
  if (stalledMs <= 0) return;
  for (const worker of core.workers.values()) worker.lastHeardMs += stalledMs;
}

function silentWorkers({ workers, clock }: Core): Worker[] {
  const now = clock.monotonic();
  return [...workers.values()].filter(
    ({ state, leaseMs, lastHeardMs }) => state !== 'lost' && now - lastHeardMs > leaseMs,
  );
}
