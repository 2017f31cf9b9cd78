/** What happens when nothing is heard of a worker any more, and when it comes back after all. */
import { formatDuration } from '#base';
import { type AttemptEnd, type Cause, TaskState, type Usage, usageOf } from '#model';
import type { Core, Job, Lease, LostLease, Worker } from '../core.ts';
import { addRecord, onBadEnd } from './attempts.ts';
import { addLeases, endLease } from './leases.ts';
import { keepNote, noteOf } from './tasks.ts';
import { setWorkerState } from './workers.ts';

/** Most attempts of lost workers that are remembered in case their results come after all. */
export const LOST_MOST = 100_000;
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
export function onLeaseLost(
  core: Core,
  lease: Lease,
  cause: Cause,
  reason: string,
  usage?: Usage,
): void {
  const job = core.jobs.get(lease.job)!;
  const worker = core.workers.get(lease.worker);
  const copies = endLease(core, job, lease);
  const now = core.clock.now();
  const wallMs = Math.max(0, core.clock.monotonic() - lease.sinceMs);
  if (cause === 'worker-lost') remember(core, { ...lease, countedMs: wallMs });
  const end: AttemptEnd = {
    inputs: [],
    ticket: lease.ticket,
    cause,
    exitCode: null,
    signal: null,
    reason,
    startedAtMs: lease.grantedAtMs,
    endedAtMs: now,
    walls: null,
    usage: usage ?? usageOf(wallMs),
  };
  const record = {
    ...end,
    job: job.id,
    task: lease.task,
    number: lease.number,
    worker: worker?.name ?? lease.worker,
    signature: cause,
    place: null,
    asked: lease.asked,
    next: null,
    reusedFrom: null,
  };
  if (job.tasks.state(lease.task) === TaskState.running) onBadEnd(core, job, record, copies > 0);
  else addRecord(core, job, record, false);
}

export function remember(core: Core, { ...lost }: LostLease): void {
  core.lost.set(lost.ticket, lost);
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
  if (!lost || !isOwn(lost, worker)) return null;
  core.lost.delete(ticket);
  const job = core.jobs.get(lost.job);
  if (!job || job.state === 'removed') return null;
  const state = job.tasks.state(lost.task);
  if (state !== TaskState.waiting && state !== TaskState.running) return null;
  const { countedMs, ...known } = lost;
  const lease = { ...known, worker: worker.id, grant: { firstTicket: ticket, open: 1 } };
  if (state === TaskState.running) {
    job.copies.set(lost.task, [...ticketsOf(core, job, lost.task), ticket]);
  }
  job.tasks.set(lost.task, TaskState.running);
  addLeases(core, worker, [lease]);
  takeBackLoss(core, job, lost.task);
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
  job.statistics.forget('worker-lost', worker.name, countedMs);
  job.statisticsUrgent = true;
  return lease;
}

/** A loss that was none does not bring the task nearer to being held. */
function takeBackLoss(core: Core, job: Job, task: number): void {
  const note = noteOf(core, job, task);
  const losses = (note.failures['worker-lost'] ?? 0) - 1;
  if (losses < 0) return;
  const failures = { ...note.failures, 'worker-lost': losses };
  keepNote(core, job, { ...note, state: 'running', failures }, true);
}

/** The store remembers a lost worker by its name. Whoever still has the ticket was given it. */
export function isOwn(lost: LostLease, worker: Pick<Worker, 'id' | 'name'>): boolean {
  return lost.worker === worker.id || (lost.worker === '' && lost.workerName === worker.name);
}

/** Tickets that run a task now. Only asked when a lost worker returns. */
function ticketsOf(core: Core, job: Job, task: number): number[] {
  const known = job.copies.get(task);
  if (known) return known;
  return [...core.leases.values()]
    .filter((lease) => lease.job === job.id && lease.task === task)
    .map((lease) => lease.ticket);
}

/** Its lease is over; whoever judges has read what had arrived. */
export function onWorkerSilent(core: Core, worker: Worker): void {
  onWorkerLost(core, worker, `nothing was heard of it for ${formatDuration(worker.leaseMs)}`);
}

/** Lost workers are listed for an hour. */
export function forgetLost(core: Core): void {
  const now = core.clock.monotonic();
  for (const [id, worker] of core.workers) {
    const isOld = now - worker.lastHeardMs > worker.leaseMs + FORGET_LOST_MS;
    if (worker.state === 'lost' && isOld) core.workers.delete(id);
  }
}
