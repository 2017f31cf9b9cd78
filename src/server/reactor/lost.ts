/** What happens when nothing is heard of a worker any more, and when it comes back after all. */
import { formatDuration } from '#base';
import { type AttemptEnd, type Cause, TaskState, usageOf } from '#model';
import type { Core, Job, Lease, Worker } from '../core.ts';
import { addRecord, onBadEnd } from './attempts.ts';
import { addLease, endLease } from './leases.ts';
import { setWorkerState } from './workers.ts';

/** Most attempts of lost workers that are remembered in case their results come after all. */
const LOST_MOST = 100_000;
const FORGET_LOST_MS = 3_600_000;

/** Nothing was heard of it for its lease: everything it held goes back, without using a budget. */
export function onWorkerLost(core: Core, worker: Worker, reason: string): void {
  if (worker.kind === 'sync') setWorkerState(core, worker, 'lost', reason, 'server');
  for (const ticket of [...worker.leases]) {
    const lease = core.leases.get(ticket);
    if (lease) onLeaseLost(core, lease, 'worker-lost', `worker ${worker.name}: ${reason}`);
  }
  worker.cancels.clear();
  if (worker.kind === 'open') core.workers.delete(worker.id);
}

/** An attempt ended without its worker's word: lost with it, or taken back. */
export function onLeaseLost(core: Core, lease: Lease, cause: Cause, reason: string): void {
  const job = core.jobs.get(lease.job)!;
  const worker = core.workers.get(lease.worker);
  const copies = endLease(core, job, lease);
  if (cause === 'worker-lost') remember(core, lease);
  const now = core.clock.now();
  const end: AttemptEnd = {
    ticket: lease.ticket,
    cause,
    exitCode: null,
    signal: null,
    reason,
    startedAtMs: lease.grantedAtMs,
    endedAtMs: now,
    walls: null,
    usage: usageOf(Math.max(0, now - lease.grantedAtMs)),
  };
  const record = {
    ...end,
    job: job.id,
    task: lease.task,
    number: lease.number,
    worker: worker?.name ?? lease.worker,
    signature: cause,
    place: null,
    reusedFrom: null,
  };
  if (job.tasks.state(lease.task) === TaskState.running) onBadEnd(core, job, record, copies > 0);
  else addRecord(core, job, record, false);
}

function remember(core: Core, lease: Lease): void {
  core.lost.set(lease.ticket, lease);
  if (core.lost.size <= LOST_MOST) return;
  const oldest = core.lost.keys().next().value;
  if (oldest !== undefined) core.lost.delete(oldest);
}

/**
 * A worker that was taken for lost still holds (or has just ended) an attempt whose result is
 * wanted: the lease is its own again, beside any copy that was started meanwhile.
 */
export function readopt(core: Core, worker: Worker, ticket: number): Lease | null {
  const lost = core.lost.get(ticket);
  if (!lost || lost.worker !== worker.id) return null;
  core.lost.delete(ticket);
  const job = core.jobs.get(lost.job);
  if (!job || job.state === 'removed') return null;
  const state = job.tasks.state(lost.task);
  if (state !== TaskState.waiting && state !== TaskState.running) return null;
  const lease = { ...lost, grant: { firstTicket: ticket, open: 1 } };
  if (state === TaskState.running) {
    job.copies.set(lost.task, [...ticketsOf(core, job, lost.task), ticket]);
  }
  job.tasks.set(lost.task, TaskState.running);
  addLease(core, job, worker, lease);
  core.commit.add({ kind: 'attempt-redeemed', job: job.id, task: lost.task, ticket });
  core.commit.add({
    kind: 'granted',
    grant: {
      firstTicket: ticket,
      job: job.id,
      worker: worker.id,
      workerName: worker.name,
      tasks: [[lost.task, 1]],
      grantedAtMs: lease.grantedAtMs,
    },
    nextTicket: core.nextTicket,
  });
  job.statistics.forget('worker-lost', worker.name);
  job.statisticsUrgent = true;
  return lease;
}

/** Tickets that run a task now. Only asked when a lost worker returns. */
function ticketsOf(core: Core, job: Job, task: number): number[] {
  const known = job.copies.get(task);
  if (known) return known;
  return [...core.leases.values()]
    .filter((lease) => lease.job === job.id && lease.task === task)
    .map((lease) => lease.ticket);
}

/** Ends pauses that are over, and finds the workers that have not been heard of for too long. */
export function onTick(core: Core, stalledMs: number): void {
  const now = core.clock.monotonic();
  for (const worker of core.workers.values()) {
    // While the server itself was busy it could not hear: that time is not counted.
    worker.lastHeardMs += stalledMs;
    if (
      worker.state === 'paused' &&
      worker.pausedUntilMs > 0 &&
      worker.pausedUntilMs <= core.clock.now()
    ) {
      worker.pausedUntilMs = 0;
      setWorkerState(core, worker, 'active', 'its pause is over', 'server');
      core.wake();
    }
    if (worker.state === 'lost' || now - worker.lastHeardMs <= worker.leaseMs) continue;
    onWorkerLost(core, worker, `nothing was heard of it for ${formatDuration(worker.leaseMs)}`);
  }
  forgetIdle(core, now);
}

function forgetIdle(core: Core, now: number): void {
  for (const [id, worker] of core.workers) {
    if (worker.state === 'lost' && now - worker.lastHeardMs > FORGET_LOST_MS)
      core.workers.delete(id);
  }
}
