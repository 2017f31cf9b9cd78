/**
 * A lane is a slot's starter with the attempts handed to it: one runs, the others wait inside the
 * starter, so that between two short programs the slot waits for nobody. Decisions over lanes; the
 * pool carries them out.
 */
import type { Starter } from '#sandbox';
import type { Attempt } from './attempt/attempt.ts';
import type { Devices } from './device-shelf.ts';
import type { JobPlan } from './job-plan.ts';

/** Time that the attempts handed ahead are to cover: the turns of a busy event loop. */
const AHEAD_MS = 6;
/** Attempts that take longer lose nothing worth having between two programs. */
const AHEAD_BELOW_MS = 20;
/** What waits behind a program that has run this long is better off elsewhere. */
const HELD_UP_MS = 50;

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
  /** When its last attempt left, or its first came. */
  sinceMs: number;
}

/** How many attempts may wait in a lane, by how long the last ones took. */
export function laneDepth(starter: Starter, medianMs: number | undefined): number {
  if (medianMs === undefined || medianMs > AHEAD_BELOW_MS) return 0;
  return Math.min(starter.ahead, Math.ceil(AHEAD_MS / Math.max(medianMs, 0.5)));
}

/**
 * The shortest lane that may take one more attempt of the job ahead. What is to be staged is staged
 * when its turn has come: the program before it may damage what it shares with it.
 */
export function laneWithRoom(
  lanes: Iterable<Lane>,
  plan: JobPlan,
  view: { readonly medianMs: number | undefined; readonly nowMs: number },
): Lane | undefined {
  let best: Lane | undefined;
  if (plan.program || plan.job.inputs.length > 0) return undefined;
  for (const lane of lanes) {
    if (lane.plan !== plan || isHeldUp(lane, view.nowMs)) continue;
    if (lane.attempts.size > laneDepth(lane.starter, view.medianMs)) continue;
    if (!best || lane.attempts.size < best.attempts.size) best = lane;
  }
  return best;
}

function isHeldUp(lane: Lane, nowMs: number): boolean {
  return nowMs - lane.sinceMs > HELD_UP_MS;
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
export function misplaced(lanes: Iterable<Lane>, idleSlots: number, nowMs: number): LaneAttempt[] {
  const found: LaneAttempt[] = [];
  const others: LaneAttempt[][] = [];
  for (const lane of lanes) {
    if (lane.attempts.size < 2) continue;
    if (isHeldUp(lane, nowMs)) found.push(...waitingIn(lane));
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
