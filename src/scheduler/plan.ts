/** Filter → match → place → copy. Pure: the same snapshot gives the same plan. */
import { jobRefusal, room, unfit, workerRefusal } from './filter.ts';
import { roomInLimits, withAttempts } from './limits.ts';
import { placeData } from './locality.ts';
import type { Look, Matchmaker } from './matchmaker.ts';
import { place } from './place.ts';
import type { JobView, Plan, RunningView, Snapshot, WorkerView } from './snapshot.ts';

/** A straggler has run this many times longer than its job's median … */
const STRAGGLER_FACTOR = 2;
/** … and at least this long, so that short tasks are never copied. */
const STRAGGLER_LEAST_MS = 3000;

export function plan(snapshot: Snapshot, matchmaker: Matchmaker): Plan {
  if (snapshot.stopped !== null) return NOTHING;
  const look = matchmaker.look();
  const jobs = snapshot.jobs.filter((job) => jobRefusal(job) === null);
  const workers = snapshot.asking.filter((worker) => workerRefusal(worker) === null);
  const placed = place(jobs, workers, snapshot, look);
  const { grants } = placed;
  const given = new Set(grants.map((grant) => grant.worker));
  const idle = workers.filter((worker) => !given.has(worker.id) && worker.used.cpus < worker.slots);
  const waiting = snapshot.jobs.some((job) => !job.paused && job.ready > 0);
  const copies = waiting ? [] : copyStragglers(snapshot, idle, look);
  return { grants, copies, ...placeData(placed, look), isUnfinished: look.isUnfinished };
}

const NOTHING: Plan = {
  grants: [],
  copies: [],
  fetches: [],
  lookAgainMs: null,
  isUnfinished: false,
};

/** Nothing waits and slots are free: start the slowest running tasks a second time elsewhere. */
function copyStragglers(
  snapshot: Snapshot,
  idle: readonly WorkerView[],
  look: Look,
): Plan['copies'] {
  let { limits } = snapshot;
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
      if (worker.lacks.has(job.job) || unfit(job, worker) !== null) continue;
      if (!look.fits(job.ad, worker.ad)) continue;
      if (roomInLimits(job, limits) === 0) continue;
      if (room(job, { ...worker, asksFor: 1 }) === 0) continue;
      copies.push({ worker: worker.id, ticket: running.ticket });
      copied.add(running.ticket);
      limits = withAttempts(limits, job, 1);
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
