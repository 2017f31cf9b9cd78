/**
 * A lane is a slot's starter with the attempts handed to it: one runs, the others wait inside the
 * starter, so that between two short programs the slot waits for nobody. Decisions over lanes; the
 * pool carries them out.
 */
import type { Starter } from '#sandbox';
import type { Attempt } from './attempt/attempt.ts';
import type { Devices } from './device-shelf.ts';
import type { JobPlan } from './job-plan.ts';

/** Time that the attempts handed ahead are to cover at least: the turns of a busy event loop. */
const AHEAD_MS = 6;
/** Those that have ended when worker and launcher are killed, and were not told of, are begun again. */
const MOST_AHEAD = 16;
/** Attempts that somebody looks at and that take longer lose nothing worth having between two programs. */
const AHEAD_BELOW_MS = 20;
/** Where nobody looks, programs up to this long are handed ahead, and their ends gather. */
export const TOGETHER_BELOW_MS = 250;
/** What waits behind a program that has run this long is better off elsewhere. */
const HELD_UP_MS = 50;

export interface LaneView {
  /** How long the last attempts took. */
  readonly medianMs: number | undefined;
  readonly nowMs: number;
}

export interface LaneAttempt {
  readonly attempt: Attempt;
  readonly lane: Lane;
  /** When the pool got it. */
  readonly sinceMs: number;
  /** It left its lane: the program has ended, or never ran. */
  delivering: boolean;
  /** Once taken back from the starter it is the server's again. */
  givenBack: boolean;
}

export interface Lane {
  readonly starter: Starter;
  /** From 1; no two lanes have the same at the same time. */
  readonly number: number;
  readonly devices: Devices;
  /** In the order they were handed over; all of one job, so that each costs the slot the same. */
  readonly attempts: Set<LaneAttempt>;
  plan: JobPlan;
  cost: number;
  /** When the last program whose end was told had ended, or its first attempt came. */
  sinceMs: number;
}

/**
 * How many attempts may wait in a lane, by how long the last ones took: enough for the time in which
 * ends gather, so that the worker is woken once for several of them.
 */
export function laneDepth(
  starter: Starter,
  medianMs: number | undefined,
  toldWithinMs: number,
): number {
  const below = toldWithinMs > AHEAD_BELOW_MS ? TOGETHER_BELOW_MS : AHEAD_BELOW_MS;
  if (medianMs === undefined || medianMs > below) return 0;
  const aheadMs = Math.max(AHEAD_MS, toldWithinMs);
  return Math.min(starter.ahead, MOST_AHEAD, Math.ceil(aheadMs / Math.max(medianMs, 0.5)));
}

/** How long ago a program of the lane may have ended of which nobody has been told. */
export function untoldMs(lane: Lane): number {
  const [first] = lane.attempts;
  return first && lane.attempts.size > 1 ? first.attempt.toldWithinMs : 0;
}

/**
 * The shortest lane that may take one more attempt of the job ahead. What is to be staged is staged
 * when its turn has come: the program before it may damage what it shares with it.
 */
export function laneWithRoom(
  lanes: Iterable<Lane>,
  plan: JobPlan,
  view: LaneView,
): Lane | undefined {
  let best: Lane | undefined;
  if (plan.program || plan.job.inputs.length > 0) return undefined;
  for (const lane of lanes) {
    if (lane.plan !== plan || isHeldUp(lane, view)) continue;
    const [first] = lane.attempts;
    const depth = laneDepth(lane.starter, view.medianMs, first?.attempt.toldWithinMs ?? 0);
    if (lane.attempts.size > depth) continue;
    if (!best || lane.attempts.size < best.attempts.size) best = lane;
  }
  return best;
}

/** Ends that gather say nothing meanwhile, and are followed by one that runs. */
function isHeldUp(lane: Lane, { medianMs = 0, nowMs }: LaneView): boolean {
  const gatherMs = untoldMs(lane);
  const usualMs = gatherMs > AHEAD_BELOW_MS ? gatherMs + 2 * medianMs : 0;
  return nowMs - lane.sinceMs > HELD_UP_MS + usualMs;
}

/** All but the first, which runs; nothing is lost when that is not so any more. */
export function* waitingIn(lane: Lane): Iterable<LaneAttempt> {
  let first = true;
  for (const attempt of lane.attempts) {
    if (!first) yield attempt;
    first = false;
  }
}

/**
 * What should wait elsewhere: everything behind a long program, and for each of `idleSlots` the last
 * attempt of the fullest lane.
 */
export function misplaced(lanes: Iterable<Lane>, idleSlots: number, view: LaneView): LaneAttempt[] {
  const found: LaneAttempt[] = [];
  const others: LaneAttempt[][] = [];
  for (const lane of lanes) {
    if (lane.attempts.size < 2) continue;
    if (isHeldUp(lane, view)) found.push(...waitingIn(lane));
    else if (idleSlots > 0) others.push([...waitingIn(lane)]);
  }
  while (found.length < idleSlots) {
    const fullest = others.reduce((a, b) => (b.length > a.length ? b : a), []);
    const last = fullest.pop();
    if (!last) break;
    found.push(last);
  }
  return found;
}
