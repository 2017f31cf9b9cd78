/** What a server has done since it started, and of late; told in its ad. */
import type { EventLoopUtilization } from 'node:perf_hooks';
import type { ServerDeeds, ServerEffort } from '#model';

export type Deed = keyof ServerDeeds;

/** What is recent, as in HTCondor: its STATISTICS_WINDOW_SECONDS. */
const WINDOW_MS = 20 * 60_000;
const SLICE_MS = 60_000;

/** How much of its time a process has worked: its event loop, and its CPUs (microseconds). */
export interface Effort {
  readonly loop: EventLoopUtilization;
  readonly cpu: NodeJS.CpuUsage;
}

interface Slice {
  readonly fromMs: number;
  /** When it began. */
  readonly effort: Effort;
  readonly deeds: Record<Deed, number>;
}

/** Times are of a monotonic clock, milliseconds. */
export class Activity {
  readonly #effort: () => Effort;
  readonly #whole: Slice;
  /** The latest last; none begins before the window. */
  #slices: Slice[] = [];

  constructor(nowMs: number, effort: () => Effort) {
    this.#effort = effort;
    this.#whole = { fromMs: nowMs, effort: effort(), deeds: noDeeds() };
  }

  add(deed: Deed, count: number, nowMs: number): void {
    this.#whole.deeds[deed] += count;
    this.#slice(nowMs).deeds[deed] += count;
  }

  /** Time goes on, also where nothing is done: what is recent begins when it should. */
  tick(nowMs: number): void {
    this.#slice(nowMs);
  }

  whole(nowMs: number): ServerEffort {
    return this.#told(this.#whole, this.#whole.deeds, nowMs);
  }

  recent(nowMs: number): ServerEffort {
    this.#slice(nowMs);
    const deeds = noDeeds();
    for (const slice of this.#slices) {
      for (const deed of DEEDS) deeds[deed] += slice.deeds[deed];
    }
    return this.#told(this.#slices[0]!, deeds, nowMs);
  }

  /** That of this moment; what has left the window is forgotten. */
  #slice(nowMs: number): Slice {
    const last = this.#slices.at(-1);
    if (last && nowMs < last.fromMs + SLICE_MS) return last;
    const kept = this.#slices.filter(({ fromMs }) => fromMs > nowMs - WINDOW_MS);
    const slice = { fromMs: nowMs, effort: this.#effort(), deeds: noDeeds() };
    this.#slices = [...kept, slice];
    return slice;
  }

  #told({ fromMs, effort }: Slice, deeds: ServerDeeds, nowMs: number): ServerEffort {
    const now = this.#effort();
    const active = now.loop.active - effort.loop.active;
    const idle = now.loop.idle - effort.loop.idle;
    const cpuMs = (now.cpu.user + now.cpu.system - effort.cpu.user - effort.cpu.system) / 1000;
    const forMs = Math.max(0, nowMs - fromMs);
    return {
      deeds,
      forMs,
      loopShare: active + idle > 0 ? active / (active + idle) : 0,
      cpuShare: forMs > 0 ? cpuMs / forMs : 0,
    };
  }
}

function noDeeds(): Record<Deed, number> {
  return { submitted: 0, started: 0, exited: 0, completed: 0 };
}

const DEEDS = Object.keys(noDeeds()) as Deed[];
