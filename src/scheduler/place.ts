/**
 * Who gets what. Owners take turns, the one next to whom one more CPU is cheapest; of an owner's
 * jobs the one with the highest priority is served, then the oldest; a job takes the machines that
 * it likes best. A machine that likes some jobs better gives its room to those first.
 */
import { priceOf } from './fair-share.ts';
import { room, unfit } from './filter.ts';
import { limitRefusal, roomInLimits, withAttempts } from './limits.ts';
import type { Unplaced } from './locality.ts';
import type { JobSide, Look, Machine } from './matchmaker.ts';
import {
  type JobView,
  type Plan,
  type Snapshot,
  type WorkerView,
  withRequests,
} from './snapshot.ts';

/** What was placed, and what could not be. */
export interface Placed {
  readonly grants: Plan['grants'];
  readonly unplaced: readonly Unplaced[];
  /** Machines as they are after the grants. */
  readonly workers: readonly WorkerView[];
}

/** A job with what is left of it while a plan is made. */
interface Left {
  readonly job: JobView;
  readonly side: JobSide;
  ready: number;
  /** Machines that will do, by kinds, in the order in which the job likes them; null: not known yet. */
  order: readonly (readonly Place[])[] | null;
  /** Where in the order it is, and in the kind there; what lies before has no room for it. */
  kind: number;
  at: number;
  /** What the machine there may still get of it; null: not looked at yet. */
  allowed: number | null;
}

/** A machine with what it has promised while a plan is made. */
interface Place {
  view: WorkerView;
  readonly machine: Machine;
  /** Jobs that it likes less have to wait; without preference it likes all as much. */
  level: number;
}

interface Owner {
  readonly price: number;
  cpus: number;
  /** Those with tasks that are ready, best first. */
  readonly jobs: Left[];
}

interface Placing {
  readonly look: Look;
  readonly totalSlots: number;
  /** By kind, each with one at least. */
  readonly kinds: readonly (readonly Place[])[];
  limits: Snapshot['limits'];
  /** By worker and job. */
  readonly grants: Map<string, Map<number, number>>;
}

export function place(
  jobs: readonly JobView[],
  workers: readonly WorkerView[],
  snapshot: Snapshot,
  look: Look,
): Placed {
  const left = rank(jobs).map(
    (job): Left => ({
      ...{ job, side: look.job(job.ad), ready: job.ready },
      ...{ order: null, kind: 0, at: 0, allowed: null },
    }),
  );
  const machines = look.machines(workers.map(({ ad }) => ad));
  const places = workers.map(
    (view, at): Place => ({ view, machine: machines[at]!, level: Number.NEGATIVE_INFINITY }),
  );
  const { totalSlots, limits } = snapshot;
  const placing: Placing = { look, totalSlots, kinds: byKind(places), limits, grants: new Map() };
  const picky = places.filter(({ machine }) => machine.rank !== null);
  for (const one of picky) one.level = levelBelow(one, Number.POSITIVE_INFINITY, left, look);
  for (;;) {
    for (const one of left) Object.assign(one, { kind: 0, at: 0, allowed: null });
    takeTurns(ownersOf(left, snapshot, placing), placing);
    // Those that still have room now take what they like less.
    const lowered = picky.filter((one) => one.view.asksFor > 0 && lower(one, left, look));
    if (lowered.length === 0) return placedBy(placing, left, places);
  }
}

function byKind(places: readonly Place[]): Place[][] {
  const kinds = new Map<number, Place[]>();
  for (const one of places) {
    const known = kinds.get(one.machine.kind);
    if (known) known.push(one);
    else kinds.set(one.machine.kind, [one]);
  }
  return [...kinds.values()];
}

/** Higher priority first, then the older job. */
function rank(jobs: readonly JobView[]): JobView[] {
  return [...jobs].sort((a, b) => b.priority - a.priority || a.id - b.id);
}

function ownersOf(left: readonly Left[], { shares, jobs }: Snapshot, placing: Placing): Owner[] {
  const owners = new Map<string, Owner>();
  for (const one of left) {
    if (one.ready === 0) continue;
    const { owner: name } = one.job;
    const known = owners.get(name);
    if (known) known.jobs.push(one);
    else owners.set(name, { price: priceOf(shares.get(name)), cpus: 0, jobs: [one] });
  }
  // With one owner there is nothing to be divided.
  if (owners.size < 2) return [...owners.values()];
  for (const { owner, running, request } of jobs) addCpus(owners.get(owner), running, request.cpus);
  for (const byJob of placing.grants.values()) {
    for (const one of left) {
      addCpus(owners.get(one.job.owner), byJob.get(one.job.id) ?? 0, one.job.request.cpus);
    }
  }
  return [...owners.values()];
}

function addCpus(owner: Owner | undefined, attempts: number, cpus: number): void {
  if (owner) owner.cpus += attempts * cpus;
}

function takeTurns(owners: Owner[], placing: Placing): void {
  const waiting = [...owners];
  while (waiting.length > 0) {
    const [owner, next] = cheapest(waiting);
    const [left] = owner.jobs;
    const { cpus } = left!.job.request;
    const most = next === null ? left!.ready : turnOf(owner, next, cpus);
    const count = placeSome(left!, most, placing);
    owner.cpus += count * cpus;
    if (count === 0 || left!.ready === 0) owner.jobs.shift();
    if (owner.jobs.length === 0) waiting.splice(waiting.indexOf(owner), 1);
  }
}

/** The owner whose next CPU is the cheapest, and the one after him. */
function cheapest(owners: readonly Owner[]): [owner: Owner, next: Owner | null] {
  let best = owners[0]!;
  let next: Owner | null = null;
  for (const owner of owners.slice(1)) {
    if (costOf(owner) < costOf(best)) [best, next] = [owner, best];
    else if (next === null || costOf(owner) < costOf(next)) next = owner;
  }
  return [best, next];
}

function costOf({ price, cpus }: Owner): number {
  return price * (cpus + 1);
}

/** Attempts until the next owner's CPU is cheaper, at least one. */
function turnOf({ price, cpus }: Owner, next: Owner, cpusOfOne: number): number {
  const ahead = costOf(next) / price - (cpus + 1);
  return Math.max(1, Math.floor(ahead / cpusOfOne));
}

/** Places up to `most` attempts of the job on the next machine that has room; returns how many. */
function placeSome(left: Left, most: number, placing: Placing): number {
  const { job } = left;
  if (limitRefusal(job, placing.limits) !== null) return 0;
  left.order ??= orderFor(left, placing);
  for (let one = current(left); one !== undefined; one = following(left)) {
    if (one.view.asksFor <= 0 || !takes(one, left, placing.look)) continue;
    left.allowed ??= share(left, one.view, placing.totalSlots);
    const count = Math.min(
      most,
      left.ready,
      left.allowed,
      room(job, one.view),
      roomInLimits(job, placing.limits),
    );
    if (count <= 0) continue;
    grant(left, one, count, placing);
    return count;
  }
  return 0;
}

function current({ order, kind, at }: Left): Place | undefined {
  return order![kind]?.[at];
}

function following(left: Left): Place | undefined {
  left.allowed = null;
  left.at++;
  if (left.at >= (left.order![left.kind]?.length ?? 0)) {
    left.kind++;
    left.at = 0;
  }
  return current(left);
}

function takes({ view, machine, level }: Place, { job, side }: Left, look: Look): boolean {
  if (view.lacks.has(job.job) || unfit(job, view) !== null) return false;
  return machine.rank === null || (look.verdict(side, machine)?.preference ?? 0) >= level;
}

function grant(left: Left, one: Place, count: number, placing: Placing): void {
  const { job } = left;
  const { view } = one;
  left.ready -= count;
  left.allowed! -= count;
  one.view = {
    ...view,
    asksFor: view.asksFor - count,
    used: withRequests(view.used, job.request, count),
  };
  placing.limits = withAttempts(placing.limits, job, count);
  const byJob = placing.grants.get(view.id) ?? new Map<number, number>();
  placing.grants.set(view.id, byJob);
  byJob.set(job.id, (byJob.get(job.id) ?? 0) + count);
}

/** The kinds of machines that will do, the ones that the job likes best first. */
function orderFor({ side }: Left, { kinds, look }: Placing): readonly (readonly Place[])[] {
  const able = kinds.flatMap((places) => {
    const verdict = look.verdict(side, places[0]!.machine);
    return verdict?.fits ? [{ places, rank: verdict.rank }] : [];
  });
  if (side.rank !== null) able.sort((a, b) => b.rank - a.rank);
  return able.map(({ places }) => places);
}

/**
 * Guided self-scheduling (Polychronopoulos and Kuck, 1987): a worker's queue gets at most half of
 * its share of what is left, so that the last tasks spread over all slots; free slots always fill.
 * A worker that is alone has nobody to leave something to.
 */
function share({ ready }: Left, worker: WorkerView, totalSlots: number): number {
  if (worker.slots >= totalSlots) return ready;
  const free = Math.max(0, Math.floor(worker.slots - worker.used.cpus));
  const guided = Math.floor((ready * worker.slots) / (2 * totalSlots));
  return Math.max(free, guided);
}

/** How much the machine likes the best of the jobs that it likes less than `limit`. */
function levelBelow(one: Place, limit: number, left: readonly Left[], look: Look): number {
  let best = Number.NEGATIVE_INFINITY;
  for (const { job, side, ready } of left) {
    if (ready === 0 || unfit(job, one.view) !== null) continue;
    const verdict = look.verdict(side, one.machine);
    if (verdict?.fits && verdict.preference < limit) best = Math.max(best, verdict.preference);
  }
  return best;
}

function lower(one: Place, left: readonly Left[], look: Look): boolean {
  const level = levelBelow(one, one.level, left, look);
  if (level === Number.NEGATIVE_INFINITY) return false;
  one.level = level;
  return true;
}

function placedBy({ grants }: Placing, left: readonly Left[], places: readonly Place[]): Placed {
  return {
    grants: [...grants].flatMap(([worker, byJob]) =>
      [...byJob].map(([job, count]) => ({ worker, job, count })),
    ),
    unplaced: left.filter(({ ready }) => ready > 0),
    workers: places.map(({ view }) => view),
  };
}
