/** Who holds which attempt. A ticket is current while it has a lease, and only then. */

import { type Asked, type JobSpec, shareOf, type TaskIndex, TaskState } from '#model';
import { withRequests } from '#scheduler';
import { giveBack, requestWith } from '../asked.ts';
import type { Core, Job, Lease, Taken, Worker } from '../core.ts';
import { settle } from './hold.ts';
import { countShare } from './sharing.ts';
import { addChange, checkFinished, keepNote, noteOf } from './tasks.ts';

/** The same for all tasks of a job that were given nothing else. */
const usual = new WeakMap<JobSpec, Taken>();

/** What a lease counts for that begins now. */
export function takenBy({ spec }: Job, asked: Asked | null): Taken {
  let taken = usual.get(spec);
  if (taken === undefined) {
    const limits = Object.entries(spec.concurrencyLimits);
    taken = { request: spec.request, owner: shareOf(spec), limits };
    usual.set(spec, taken);
  }
  return asked ? { ...taken, request: requestWith(spec.request, asked) } : taken;
}

export function addLeases(core: Core, worker: Worker, leases: readonly Lease[]): void {
  const counts = new Map<Taken, number>();
  for (const lease of leases) {
    core.leases.set(lease.ticket, lease);
    worker.leases.add(lease.ticket);
    counts.set(lease.taken, (counts.get(lease.taken) ?? 0) + 1);
  }
  for (const [taken, count] of counts) {
    worker.used = withRequests(worker.used, taken.request, count);
    countShare(core, taken, count);
  }
}

/** The ticket is not current any more. Returns how many copies of the task still run. */
export function endLease(core: Core, job: Job, lease: Lease): number {
  core.leases.delete(lease.ticket);
  countShare(core, lease.taken, -1);
  const worker = core.workers.get(lease.worker);
  if (worker?.leases.delete(lease.ticket)) {
    worker.cancels.delete(lease.ticket);
    worker.used = withRequests(worker.used, lease.taken.request, -1);
  }
  lease.grant.open--;
  if (lease.grant.open === 0) {
    core.commit.add({ kind: 'grant-closed', firstTicket: lease.grant.firstTicket });
  }
  return dropCopy(job, lease);
}

function dropCopy(job: Job, lease: Lease): number {
  const copies = job.copies.get(lease.task);
  if (!copies) return 0;
  const left = copies.filter((ticket) => ticket !== lease.ticket);
  if (left.length > 0) job.copies.set(lease.task, left);
  else job.copies.delete(lease.task);
  return left.length;
}

/** What still runs of a task that was started more than once. */
export function otherCopies(core: Core, job: Job, task: number): Lease[] {
  const tickets = job.copies.get(task) ?? [];
  return tickets.map((ticket) => core.leases.get(ticket)).filter((lease) => lease !== undefined);
}

/** The worker never began it (its answer was lost, or it gives it back): no budget is used. */
export function onUnused(core: Core, lease: Lease): void {
  const job = core.jobs.get(lease.job)!;
  // The answer that described the job may have been lost with it.
  core.workers.get(lease.worker)?.described.delete(job.id);
  const copies = endLease(core, job, lease);
  if (copies > 0 || job.tasks.state(lease.task) !== TaskState.running) return;
  if (job.state === 'removed') job.tasks.set(lease.task, TaskState.removed);
  else onUnheld(core, job, lease.task);
  core.commit.touch();
  core.wake();
}

/** Nobody runs it: it waits again, unless somebody has held or removed it meanwhile. */
export function onUnheld(core: Core, job: Job, task: TaskIndex): void {
  const ruling = job.notes.get(task)?.ruling;
  if (!ruling || ruling.to === 'waiting') return giveBack(job, task, 0);
  const { to, reason, actor } = ruling;
  settle(core, job, noteOf(core, job, task), ruling);
  addChange(core, job, { kind: to, reason, actor, hold: ruling.hold, tasks: [[task, 1]] });
  checkFinished(core, job);
}

/** A second copy of a running task for another worker. */
export function addCopy(core: Core, job: Job, first: Lease): void {
  const note = noteOf(core, job, first.task);
  const attempts = Math.max(note.attempts, first.number);
  keepNote(core, job, { ...note, state: 'running', attempts }, true);
  const tickets = job.copies.get(first.task) ?? [first.ticket];
  job.copies.set(first.task, [...tickets, core.nextTicket]);
}
