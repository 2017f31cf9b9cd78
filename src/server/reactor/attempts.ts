/** What the end of an attempt means. The one place that decides it. */
import { formatBytes, formatDuration } from '#base';
import {
  type Asked,
  type AttemptEnd,
  type AttemptRecord,
  hold,
  isFinal,
  type RecordPlace,
  TaskState,
} from '#model';
import { signatureOf } from '#results';
import type { TaskNote, TaskRuling } from '#store';
import type { PolicyRuling } from '#wire';
import { giveBack } from '../asked.ts';
import type { Core, Job, Lease } from '../core.ts';
import { countEnd } from '../pace.ts';
import { hasExitPolicies, isOwnEnd, rulingAtExit } from '../policies/rulings.ts';
import { afterFailure, askedAfter } from '../retry.ts';
import { withSources } from '../staged-spec.ts';
import { settle, stopLease } from './hold.ts';
import { endLease, otherCopies } from './leases.ts';
import { addChange, checkFinished, clearNote, keepNote, noteOf } from './tasks.ts';
import { onWorkersEnd } from './workers.ts';

/**
 * An attempt whose ticket is current has ended. Order matters: the lease goes first, so that a
 * second answer to the ticket changes nothing whatever happens below.
 * @param ruled what a policy decided of it where it ran
 */
export function onAttemptEnded(
  core: Core,
  lease: Lease,
  end: AttemptEnd,
  place: RecordPlace | null,
  lastErrorLine: string,
  ruled: PolicyRuling | null = null,
): void {
  const job = core.jobs.get(lease.job)!;
  const worker = core.workers.get(lease.worker);
  const copies = endLease(core, job, lease);
  // Field by field: what else came with the end is not kept.
  const record: AttemptRecord = {
    ticket: end.ticket,
    cause: end.cause,
    exitCode: end.exitCode,
    signal: end.signal,
    reason: end.reason,
    startedAtMs: end.startedAtMs,
    endedAtMs: end.endedAtMs,
    usage: end.usage,
    walls: end.walls,
    inputs: withSources(end.inputs, job.spec),
    job: job.id,
    task: lease.task,
    number: lease.number,
    worker: worker?.name ?? lease.worker,
    signature: end.cause === 'ok' ? '' : signatureOf(end.cause, statusOf(end), lastErrorLine),
    place,
    asked: lease.asked,
    next: null,
    reusedFrom: null,
  };
  if (worker) onWorkersEnd(core, worker, record, job.spec.request.cpus);
  if (end.cause === 'stage-in') core.suspectInputs(job);
  const state = job.tasks.state(lease.task);
  if (isFinal(state)) return onTooLate(core, job, record);
  // A copy of it has ended well, and its results wait for the validator; or it is held.
  const isSettled = state === TaskState.checking || state === TaskState.held;
  if (isSettled && end.cause !== 'ok') return addRecord(core, job, record, false);
  if (!isSettled && isOwnEnd(record)) return onOwnEnd(core, job, record, copies > 0);
  if (end.cause === 'ok') return onGoodEnd(core, job, record);
  const { reason } = end;
  onBadEnd(core, job, record, copies > 0, ruled && { ...ruled, reason, actor: 'policy' });
}

/** Its program came to its own end: policies have the first word. */
function onOwnEnd(core: Core, job: Job, record: AttemptRecord, copyRuns: boolean): void {
  if (record.cause === 'ok' && !hasExitPolicies(core, job)) return onGoodEnd(core, job, record);
  const before = noteOf(core, job, record.task);
  const note = { ...before, completions: before.completions + 1 };
  const { ruling, isFinal: isLast } = rulingAtExit(core, job, record, note);
  if (!ruling && !isLast) {
    if (record.cause === 'ok') return onGoodEnd(core, job, record);
    job.notes.set(record.task, note);
    return onBadEnd(core, job, record, copyRuns);
  }
  if (!ruling && record.cause === 'ok') return onGoodEnd(core, job, record);
  for (const other of otherCopies(core, job, record.task)) stopLease(core, other);
  const attempts = Math.max(note.attempts, record.number);
  const next = { ...note, attempts, unchecked: null, atMs: core.clock.now() };
  if (ruling) return onRuled(core, job, record, next, before.ruling ?? ruling, delayOf(note));
  onFailed(core, job, record, next, 'its policy does not let it run again');
}

/** A program that always ends at once, and is never done, is run ever less often. */
function delayOf({ completions }: TaskNote): number {
  return completions <= QUICK_AGAIN ? 0 : Math.min(60_000, 500 * 2 ** (completions - QUICK_AGAIN));
}

const QUICK_AGAIN = 5;

/** The task was done by a copy, or removed, before this attempt ended. */
function onTooLate(core: Core, job: Job, record: AttemptRecord): void {
  const cause = record.cause === 'ok' ? 'superseded' : record.cause;
  addRecord(core, job, { ...record, cause, place: null }, false);
}

function onGoodEnd(core: Core, job: Job, record: AttemptRecord): void {
  if (job.spec.validate === null) return accept(core, job, record);
  // A copy is being checked already, or is held for the validator; this one waits for nothing.
  const state = job.tasks.state(record.task);
  if (state === TaskState.checking || state === TaskState.held) {
    return onTooLate(core, job, record);
  }
  job.tasks.set(record.task, TaskState.checking);
  keepNote(
    core,
    job,
    { ...noteOf(core, job, record.task), state: 'checking', unchecked: record },
    true,
  );
  core.check(job, record.task);
}

/** The results are the task's results: exactly one attempt of a task ever comes here. */
export function accept(core: Core, job: Job, record: AttemptRecord): void {
  addRecord(core, job, { ...record, next: 'done' }, true);
  countEnd(job.recent, core.clock.now());
  job.tasks.set(record.task, TaskState.done);
  core.set.drop(job.id, record.task);
  clearNote(core, job, record.task);
  for (const other of otherCopies(core, job, record.task)) {
    core.workers.get(other.worker)?.cancels.set(other.ticket, 'superseded');
    core.wake();
  }
  job.copies.delete(record.task);
  checkFinished(core, job);
}

/** @param copyRuns another attempt of the task still runs, so the task goes on running */
export function onBadEnd(
  core: Core,
  job: Job,
  record: AttemptRecord,
  copyRuns: boolean,
  ruled: TaskRuling | null = null,
): void {
  const note = noteOf(core, job, record.task);
  const failures = { ...note.failures, [record.cause]: (note.failures[record.cause] ?? 0) + 1 };
  const attempts = Math.max(note.attempts, record.number);
  const next = { ...note, failures, attempts, unchecked: null, atMs: core.clock.now() };
  if (job.state === 'removed') {
    const { stateReason: reason, stateActor: actor } = job;
    return onRuled(core, job, record, next, { to: 'removed', hold: null, reason, actor }, 0);
  }
  if (copyRuns || record.cause === 'superseded') {
    addRecord(core, job, record, false);
    job.tasks.set(record.task, TaskState.running);
    keepNote(core, job, { ...next, state: 'running' }, true);
    return;
  }
  const decided = note.ruling ?? ruled;
  if (decided) return onRuled(core, job, record, { ...next, failures: note.failures }, decided, 0);
  const verdict = afterFailure(record.cause, failures, job.spec);
  if (verdict.next === 'wait') return onTriedAgain(core, job, record, next, verdict.delayMs);
  if (verdict.next === 'hold') {
    const reason = `${record.reason || record.cause} (${verdict.why})`;
    const ruling = { to: 'held', hold: hold('Unspecified'), reason, actor: 'server' } as const;
    job.statistics.taskFailed(record);
    job.statisticsUrgent = true;
    return onRuled(core, job, record, { ...next, signature: record.signature }, ruling, 0);
  }
  onFailed(core, job, record, next, verdict.why);
}

/** The task waits for its next attempt. */
function onTriedAgain(
  core: Core,
  job: Job,
  record: AttemptRecord,
  note: TaskNote,
  delayMs: number,
): void {
  addRecord(core, job, { ...record, next: 'waiting' }, false);
  // The clock of day is for those who read it; it may be set while the task waits.
  const notBeforeMs = delayMs === 0 ? 0 : core.clock.now() + delayMs;
  const asked = askedAfter(record.cause, note.asked, job.spec);
  const grown = asked === note.asked ? '' : `, with ${askedText(asked)}`;
  const reason = `tried again after ${record.cause}${record.reason ? `: ${record.reason}` : ''}${grown}`;
  const next = { state: 'waiting', reason, actor: 'server', notBeforeMs, asked } as const;
  keepNote(core, job, { ...note, ...next }, true);
  giveBack(job, record.task, delayMs === 0 ? 0 : core.clock.monotonic() + delayMs);
  core.wake();
}

/** `2 GiB of memory, 10 min` */
function askedText(asked: Asked | null): string {
  if (!asked) return 'what the job asks for';
  const { memoryBytes, diskBytes, timeoutMs } = asked;
  return [
    ...(memoryBytes > 0 ? [`${formatBytes(memoryBytes)} of memory`] : []),
    ...(diskBytes > 0 ? [`${formatBytes(diskBytes)} of disk`] : []),
    ...(timeoutMs > 0 ? [formatDuration(timeoutMs)] : []),
  ].join(', ');
}

/** What was decided while it ran comes true. */
function onRuled(
  core: Core,
  job: Job,
  record: AttemptRecord,
  note: TaskNote,
  ruling: TaskRuling,
  delayMs: number,
): void {
  const { to, reason, actor } = ruling;
  if (to === 'waiting') {
    const again = { ...record, reason: record.reason || reason, place: null };
    return onTriedAgain(core, job, again, { ...note, ruling: null }, delayMs);
  }
  const cause = record.cause === 'cancelled' && to === 'held' ? 'held' : record.cause;
  addRecord(core, job, { ...record, cause, reason: record.reason || reason, next: to }, false);
  settle(core, job, note, ruling);
  const tasks = [[record.task, 1]] as const;
  addChange(core, job, { kind: to, reason, actor, hold: ruling.hold, tasks });
  checkFinished(core, job);
}

function onFailed(core: Core, job: Job, record: AttemptRecord, note: TaskNote, why: string): void {
  addRecord(core, job, { ...record, next: 'failed' }, false);
  countEnd(job.recent, core.clock.now());
  job.tasks.set(record.task, TaskState.failed);
  const reason = `${record.reason || record.cause} (${why})`;
  const { signature } = record;
  keepNote(core, job, { ...note, state: 'failed', reason, signature, actor: 'server' }, false);
  job.statistics.taskFailed(record);
  job.statisticsUrgent = true;
  const { task, ticket, cause } = record;
  const actor = 'server';
  core.happened({ kind: 'task', job: job.id, task, state: 'failed', ticket, cause, reason, actor });
  checkFinished(core, job);
}

/** Keeps how an attempt ended, for ever. */
export function addRecord(core: Core, job: Job, record: AttemptRecord, accepted: boolean): void {
  job.lastSequence = ++core.sequence;
  core.commit.add({ kind: 'attempt-ended', sequence: core.sequence, attempt: record, accepted });
  job.statistics.add(record);
  job.statisticsDirty = true;
  // What is taken over from an earlier job was not done now.
  if (record.reusedFrom === null) {
    const nowMs = core.clock.monotonic();
    core.activity.add('exited', 1, nowMs);
    if (accepted) core.activity.add('completed', 1, nowMs);
  }
  core.happened({ kind: 'progress', job: job.id });
}

export type CheckVerdict =
  | { readonly verdict: 'valid' }
  | { readonly verdict: 'invalid'; readonly reason: string }
  | { readonly verdict: 'fault'; readonly reason: string };

/**
 * The validator has spoken. A fault is the validator's own: the results are kept, the task is held,
 * and the program is not run again for it.
 */
export function onChecked(core: Core, job: Job, task: number, verdict: CheckVerdict): void {
  const note = job.notes.get(task);
  if (job.tasks.state(task) !== TaskState.checking || !note?.unchecked) return;
  const record = note.unchecked;
  if (verdict.verdict === 'valid') return accept(core, job, record);
  if (verdict.verdict === 'invalid') {
    const signature = signatureOf('invalid-result', null, verdict.reason);
    const invalid = {
      ...record,
      cause: 'invalid-result' as const,
      reason: verdict.reason,
      signature,
    };
    return onBadEnd(core, job, invalid, otherCopies(core, job, task).length > 0);
  }
  const reason = `the validator failed, not the program: ${verdict.reason}`;
  // HTCondor's number for what runs after a program and fails.
  const held = { hold: hold('PostScriptFailed'), reason, actor: 'validator' };
  settle(core, job, note, { ...held, to: 'held' });
  addChange(core, job, { ...held, kind: 'held', tasks: [[task, 1]] });
  checkFinished(core, job);
}

/** What tells failures of one cause apart; a program that was stopped has no status of its own. */
function statusOf({ cause, exitCode, signal }: AttemptEnd): number | string | null {
  if (cause === 'exit-code') return exitCode;
  return cause === 'signal' ? signal : null;
}
