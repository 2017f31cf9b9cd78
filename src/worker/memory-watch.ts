/**
 * Memory and processes of running attempts, for those that asked for a limit that no wall holds. Which
 * processes are an attempt's, its starter says. Sampling misses peaks between two looks; the walls' own
 * limits do not.
 */
import type { Clock } from '#base';
import { proportionalBytesOf, residentBytesOf, threadsOf } from './process-table.ts';

const SAMPLE_MS = 500;
/** Looking takes at most this part of the time, however many processes the machine has. */
const LARGEST_SHARE = 1 / 25;

export interface Watched {
  processes(): readonly number[];
  /** 0: none. */
  readonly limitBytes: number;
  /** Processes and threads together; 0: any number. */
  readonly mostTasks: number;
  /** One of these is called, once, when a sample is over a limit. */
  onOver(bytes: number): void;
  onTooMany(tasks: number): void;
  /** Largest sample so far. */
  peakBytes: number;
}

export class MemoryWatch {
  readonly #watched = new Set<Watched>();
  readonly #clock: Clock;
  #timer: NodeJS.Timeout | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(watched: Watched): void {
    this.#watched.add(watched);
    if (!this.#timer) this.#schedule(SAMPLE_MS);
  }

  remove(watched: Watched): void {
    this.#watched.delete(watched);
    if (this.#watched.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #schedule(ms: number): void {
    this.#timer = setTimeout(() => this.#sample(), ms);
  }

  #sample(): void {
    const beganMs = this.#clock.monotonic();
    for (const watched of [...this.#watched]) this.#judge(watched, watched.processes());
    const tookMs = this.#clock.monotonic() - beganMs;
    if (this.#watched.size > 0) this.#schedule(Math.max(SAMPLE_MS, tookMs / LARGEST_SHARE));
    else this.#timer = undefined;
  }

  #judge(watched: Watched, pids: readonly number[]): void {
    const { limitBytes, mostTasks } = watched;
    const bytes = limitBytes > 0 ? memoryOf(pids, limitBytes) : 0;
    const tasks = mostTasks > 0 ? pids.reduce((sum, pid) => sum + threadsOf(pid), 0) : 0;
    watched.peakBytes = Math.max(watched.peakBytes, bytes);
    if (bytes <= limitBytes && tasks <= mostTasks) return;
    this.remove(watched);
    if (bytes > limitBytes) watched.onOver(bytes);
    else watched.onTooMany(tasks);
  }
}

/** Resident sizes count shared pages once per process, so an excess is looked at exactly. */
function memoryOf(pids: readonly number[], limitBytes: number): number {
  const resident = pids.reduce((sum, pid) => sum + residentBytesOf(pid), 0);
  if (resident <= limitBytes || pids.length < 2) return resident;
  return pids.reduce((sum, pid) => sum + proportionalBytesOf(pid), 0);
}
