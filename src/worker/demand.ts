/** How many attempts to ask for: slots must never wait for the network, hours must not be hoarded. */

import { TOGETHER_BELOW_MS } from './lane.ts';

/**
 * Work kept ready beyond what runs: enough for a slow sync and for one sync to serve many attempts,
 * too little to matter when lost. Of short ones more, or it would be fetched in bits.
 */
const READY_WORK_MS = 1000;
const READY_SHORT_WORK_MS = 2000;
/** Attempts that take longer than this are never asked for ahead. */
export const PREFETCH_BELOW_MS = 3000;
/** No slot has been free for so long, and for twice the usual time. */
const UNLIKE_MS = 1000;
/** Ends wait no longer for others, however much work is ready. */
const LONGEST_GATHER_MS = 750;
/** About so many ends wait for one another at most: a kill of worker and server begins them again. */
const MOST_GATHERED = 64;
/** A poll that nothing but a cancellation could answer may be opened so much later. */
const LONGEST_POLL_DELAY_MS = 1000;
/** Bounds one answer, whatever the attempts' speed. */
export const MOST_PREFETCHED = 2048;
const REMEMBERED = 63;

/** How long the last attempts kept their slots; the median ignores a few odd ones. */
export class RecentTimes {
  readonly #ms: number[] = [];
  #next = 0;
  /** Sorting takes longer than a start should; while times are few each one counts. */
  #median: { ms: number | undefined; unseen: number } = { ms: undefined, unseen: 0 };

  add(ms: number): void {
    this.#ms[this.#next] = ms;
    this.#next = (this.#next + 1) % REMEMBERED;
    this.#median.unseen++;
  }

  /** Undefined until something has ended; a full memory is looked at every few times only. */
  medianMs(): number | undefined {
    const most = this.#ms.length < REMEMBERED ? 1 : 8;
    if (this.#median.unseen >= most) {
      const sorted = [...this.#ms].sort((a, b) => a - b);
      this.#median = { ms: sorted[sorted.length >> 1], unseen: 0 };
    }
    return this.#median.ms;
  }
}

export interface DemandView {
  /** Slots of the worker, and how many of them are taken (by CPUs asked for). */
  readonly slots: number;
  readonly taken: number;
  readonly queued: number;
  readonly medianMs: number | undefined;
  /** How long the attempt that started last has been running; undefined while a slot is free. */
  readonly youngestMs: number | undefined;
  /** For how long starters keep ends to themselves. */
  readonly untoldMs: number;
  readonly closed: boolean;
}

/**
 * How long an attempt is likely to keep its slot. While every slot is busy, what already runs is
 * evidence too: after a thousand tasks of 1 ms, slots full of hours must not fetch a queue.
 */
function likelyMs(view: DemandView): number | undefined {
  if (view.medianMs === undefined) return undefined;
  return Math.max(view.medianMs, view.youngestMs ?? 0, 0.1);
}

/** What runs has nothing to do any more with what ran before. */
function isUnlike({ medianMs, youngestMs }: DemandView): boolean {
  return youngestMs !== undefined && youngestMs > Math.max(UNLIKE_MS, 2 * (medianMs ?? 0));
}

/** When an attempt that waits is better off elsewhere: what runs takes longer than what did before. */
export function giveBackAfterMs(medianMs: number | undefined): number {
  return 2 * Math.max(readyWorkMs(medianMs), Math.min(medianMs ?? 0, PREFETCH_BELOW_MS));
}

function readyWorkMs(ms = Number.POSITIVE_INFINITY): number {
  return ms <= TOGETHER_BELOW_MS ? READY_SHORT_WORK_MS : READY_WORK_MS;
}

/** Draining for longer than this would cost more than it brings. */
const CHEAP_DRAIN_MS = 60_000;

/** Whether what runs is likely to end soon, so that little is lost when nothing new is taken. */
export function isCheapToDrain(medianMs: number | undefined, oldestMs: number): boolean {
  if (oldestMs === 0) return true;
  return medianMs !== undefined && Math.max(medianMs, oldestMs) < CHEAP_DRAIN_MS;
}

/** Attempts to keep waiting in the worker when every slot is busy. */
export function readyTarget(view: DemandView): number {
  const ms = likelyMs(view);
  if (ms === undefined || ms >= PREFETCH_BELOW_MS || isUnlike(view)) return 0;
  return Math.min(MOST_PREFETCHED, Math.ceil((view.slots * readyWorkMs(ms)) / ms));
}

/** The `freeSlots` of the next sync: how many more attempts the worker would take. */
export function wantedAttempts(view: DemandView): number {
  if (view.closed) return 0;
  const free = Math.max(0, Math.floor(view.slots - view.taken + 1e-9));
  return Math.max(0, free + readyTarget(view) - view.queued);
}

/**
 * How long to let ends gather before a sync: until half of the work that is ready is used up, or so
 * many have ended that a kill of worker and server would cost too much. Nobody
 * waits for the answer that long, and a fuller sync is cheaper for both sides (one request, one
 * transaction on the server). Otherwise 2 ms, which catches ends that come in a burst.
 */
export function gatherMs(view: DemandView): number {
  const spare = view.queued - readyTarget(view) / 2;
  if (spare <= 0 || view.slots === 0) return 2;
  const lastsMs = (Math.min(spare, MOST_GATHERED) * (likelyMs(view) ?? 0)) / view.slots;
  return Math.max(2, Math.min(LONGEST_GATHER_MS, lastsMs));
}

/** A gathering time made random by a quarter: workers that were started together do not sync together. */
export function outOfStep(ms: number, random: () => number): number {
  return ms * (0.75 + random() / 4);
}

/**
 * How long to wait for an end before a long poll is opened: none is opened that would be left at
 * once. With enough to do the next end comes before anything that a poll could bring.
 */
export function pollDelayMs(view: DemandView): number {
  const ms = likelyMs(view);
  if (view.taken <= 0 || ms === undefined) return 0;
  if (view.queued > readyTarget(view) / 2)
    return Math.min(LONGEST_POLL_DELAY_MS, 2 * ms + view.untoldMs);
  return ms < 50 ? 20 : 0;
}
