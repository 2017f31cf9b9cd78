/** Group → filter → rank → place. Pure: the same snapshot gives the same plan. */
import { jobRefusal, room, unfit, workerRefusal } from './filter.ts';
import { placeData } from './locality.ts';
import {
  type JobView,
  type Plan,
  type RunningView,
  type Snapshot,
  type WorkerView,
  withRequests,
} from './snapshot.ts';

/** A straggler has run this many times longer than its job's median … */
const STRAGGLER_FACTOR = 2;
/** … and at least this long, so that short tasks are never copied. */
const STRAGGLER_LEAST_MS = 3000;

export function plan(snapshot: Snapshot): Plan {
  if (snapshot.stopped !== null) return NOTHING;
  const jobs = rank(snapshot.jobs.filter((job) => jobRefusal(job) === null));
  const workers = snapshot.asking.filter((worker) => workerRefusal(worker) === null);
  const { grants, left, views } = place(jobs, workers, snapshot.totalSlots);
  const given = new Set(grants.map((grant) => grant.worker));
  const idle = workers.filter((worker) => !given.has(worker.id) && worker.used.cpus < worker.slots);
  const waiting = snapshot.jobs.some((job) => !job.paused && job.ready > 0);
  const copies = waiting ? [] : copyStragglers(snapshot, idle);
  return { grants, copies, ...placeData(left, views) };
}

const NOTHING: Plan = { grants: [], copies: [], fetches: [], lookAgainMs: null };

/** Higher priority first, then the older job. */
function rank(jobs: readonly JobView[]): JobView[] {
  return [...jobs].sort((a, b) => b.priority - a.priority || a.id - b.id);
}

interface Left {
  readonly job: JobView;
  ready: number;
}

function place(
  jobs: readonly JobView[],
  workers: readonly WorkerView[],
  totalSlots: number,
): { grants: Plan['grants']; left: readonly Left[]; views: readonly WorkerView[] } {
  const grants: { worker: string; job: number; count: number }[] = [];
  const left: Left[] = jobs.map((job) => ({ job, ready: job.ready }));
  const views = workers.map((worker) => {
    let view = worker;
    for (const entry of left) {
      if (view.asksFor <= 0) break;
      if (entry.ready === 0 || view.lacks.has(entry.job.id)) continue;
      if (unfit(entry.job, view) !== null) continue;
      const count = Math.min(room(entry.job, view), share(entry, view, totalSlots), entry.ready);
      if (count <= 0) continue;
      grants.push({ worker: view.id, job: entry.job.id, count });
      entry.ready -= count;
      view = afterGrant(view, entry.job, count);
    }
    return view;
  });
  return { grants, left, views };
}

/**
 * Guided self-scheduling (Polychronopoulos and Kuck, 1987): a worker's queue gets at most half of
 * its share of what is left, so that the last tasks spread over all slots; free slots always fill.
 */
function share(entry: Left, worker: WorkerView, totalSlots: number): number {
  const free = Math.max(0, Math.floor(worker.slots - worker.used.cpus));
  const guided = Math.floor(
    (entry.ready * worker.slots) / (2 * Math.max(totalSlots, worker.slots)),
  );
  return Math.max(free, guided);
}

function afterGrant(worker: WorkerView, job: JobView, count: number): WorkerView {
  return {
    ...worker,
    asksFor: worker.asksFor - count,
    used: withRequests(worker.used, job.request, count),
  };
}

/** Nothing waits and slots are free: start the slowest running tasks a second time elsewhere. */
function copyStragglers(snapshot: Snapshot, idle: readonly WorkerView[]): Plan['copies'] {
  const jobs = new Map(snapshot.jobs.map((job) => [job.id, job]));
  const copies: { worker: string; ticket: number }[] = [];
  const copied = new Set<number>();
  const stragglers = snapshot.running.filter((running) => {
    const job = jobs.get(running.job);
    return job !== undefined && isStraggler(running, job);
  });
  if (stragglers.length === 0) return copies;
  for (const worker of idle) {
    const free = Math.floor(worker.slots - worker.used.cpus);
    let given = 0;
    for (const running of stragglers) {
      if (given >= free) break;
      const job = jobs.get(running.job)!;
      if (copied.has(running.ticket) || running.worker === worker.id) continue;
      if (worker.lacks.has(job.id) || unfit(job, worker) !== null) continue;
      if (room(job, { ...worker, asksFor: 1 }) === 0) continue;
      copies.push({ worker: worker.id, ticket: running.ticket });
      copied.add(running.ticket);
      given++;
    }
  }
  return copies;
}

function isStraggler(running: RunningView, job: JobView): boolean {
  if (!job.idempotent || job.paused || running.copies > 1 || job.medianWallMs === null)
    return false;
  return running.runningMs >= Math.max(STRAGGLER_LEAST_MS, STRAGGLER_FACTOR * job.medianWallMs);
}
