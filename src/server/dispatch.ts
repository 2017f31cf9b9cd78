/** Snapshot → plan → tickets and leases. Grants are durable before their answer leaves. */

import { printAd, wholeAd } from '#classad';
import {
  columnsGiven,
  hold,
  type JobId,
  type JobSpec,
  runsOf,
  type SetAttribute,
  shareOf,
  type TaskIndex,
  type Ticket,
} from '#model';
import { type JobView, plan, type RunningView, type WorkerView } from '#scheduler';
import type { TaskNote } from '#store';
import type { GrantedAttempt, JobDescription, TaskPast } from '#wire';
import { adOfJob } from './ads/facts.ts';
import { askedOf, giveBack, viewsOfParked } from './asked.ts';
import type { Core, Grant, Job, Lease, Worker } from './core.ts';
import { dataSlotsOf, lacksOf, noteLacking, orderFetch } from './data-orders.ts';
import { fillIn } from './machine-values.ts';
import { passedByPolicies, perTaskPolicies } from './policies/per-task.ts';
import { ruleTasks } from './reactor/hold.ts';
import { onRowsUnreadable } from './reactor/jobs.ts';
import { addCopy, addLeases, takenBy } from './reactor/leases.ts';
import { limitsOf, sharesOf } from './reactor/sharing.ts';
import { addChange, nextNumber } from './reactor/tasks.ts';
import { viewsOfRows } from './row-kinds.ts';

/** Copies are looked for among this many of the oldest running attempts. */
const RUNNING_SEEN = 1000;
const SLOTS_KEEP_MS = 100;

/** A kind of rows by its number, or one of tasks that are given more than their job asks for. */
type Kind = number | string;

export interface Asking {
  readonly worker: Worker;
  /** Attempts it asks for. */
  readonly asksFor: number;
}

/** What each asking worker gets; workers that get nothing are left out. */
export function dispatch(core: Core, asking: readonly Asking[]): Map<string, GrantedAttempt[]> {
  const given = new Map<string, GrantedAttempt[]>();
  const now = core.clock.monotonic();
  const jobs: JobView[] = [];
  /** Parts of jobs that are jobs of their own for the plan, by their ids in it. */
  const kinds = new Map<number, { readonly job: number; readonly key: Kind }>();
  const rowViews = new Map<JobId, readonly number[]>();
  let kindId = 0;
  for (const id of core.active) {
    const job = core.jobs.get(id)!;
    job.tasks.releaseDue(now);
    const view = viewOfJob(core, job, now);
    const ofRows = viewsOfRows(job, view, () => --kindId);
    const parked = viewsOfParked(job, view, () => --kindId);
    jobs.push(job.kinds ? { ...view, ready: 0 } : view);
    for (const one of ofRows) kinds.set(one.view.id, { job: id, key: one.kind });
    for (const one of parked) kinds.set(one.view.id, { job: id, key: one.key });
    jobs.push(...ofRows.map((one) => one.view), ...parked.map((one) => one.view));
    if (job.kinds)
      rowViews.set(
        id,
        ofRows.map((one) => one.view.id),
      );
  }
  if (jobs.length === 0) return given;
  const anyReady = jobs.some((job) => job.ready > 0 && !job.paused);
  const snapshot = {
    jobs,
    asking: asking.map(({ worker, asksFor }) => viewOfAsking(core, worker, asksFor, now)),
    totalSlots: totalSlots(core, now),
    running: anyReady ? [] : oldestRunning(core, now, rowViews),
    stopped: stoppedReason(core),
    shares: jobs.length < 2 ? new Map() : sharesOf(core, ownersOf(jobs)),
    limits: limitsOf(core),
  };
  const { grants, copies, fetches, lookAgainMs, isUnfinished } = plan(snapshot, core.matchmaker);
  core.isPlanUnfinished ||= isUnfinished;
  for (const { worker, job, count } of grants) {
    const kind = kinds.get(job);
    const granting = core.jobs.get(kind?.job ?? job)!;
    const attempts = grant(core, granting, core.workers.get(worker)!, count, kind?.key ?? null);
    addTo(given, worker, attempts);
  }
  for (const { worker, ticket } of copies) {
    const attempts = copy(core, core.workers.get(worker)!, ticket);
    addTo(given, worker, attempts);
  }
  for (const { worker, job } of fetches) orderFetch(core, core.workers.get(worker)!, job);
  if (lookAgainMs !== null) core.wakeIn(lookAgainMs);
  return given;
}

function viewOfAsking(core: Core, worker: Worker, asksFor: number, nowMs: number): WorkerView {
  const view = viewOfWorker(core, worker, asksFor, nowMs);
  // What it waits for counts from when it first could have had it.
  noteLacking(worker, view.lacks, nowMs);
  return view;
}

function* ownersOf(jobs: readonly JobView[]): Generator<string> {
  for (const { owner } of jobs) yield owner;
}

function addTo(
  given: Map<string, GrantedAttempt[]>,
  worker: string,
  attempts: GrantedAttempt[],
): void {
  const known = given.get(worker);
  if (known) known.push(...attempts);
  else given.set(worker, attempts);
}

export function stoppedReason(core: Core): string | null {
  return core.stopped ?? core.commit.stalled ?? core.diskLow;
}

export function viewOfJob(core: Core, job: Job, nowMs: number): JobView {
  return {
    id: job.id,
    job: job.id,
    paused: job.state === 'paused',
    priority: job.spec.priority,
    owner: shareOf(job.spec),
    limits: Object.entries(job.spec.concurrencyLimits),
    ad: adOfJob(job),
    request: job.spec.request,
    isolation: job.spec.isolation,
    ready: job.tasks.ready,
    delayed: job.tasks.delayed,
    running: job.tasks.open - job.tasks.ready - job.tasks.delayed,
    idempotent: job.spec.idempotent,
    medianWallMs: job.statistics.medianWallMs(),
    staging: job.staging,
    dataSlots: dataSlotsOf(core, job, nowMs),
  };
}

export function viewOfWorker(
  core: Core,
  worker: Worker,
  asksFor: number,
  nowMs: number,
): WorkerView {
  return {
    id: worker.id,
    ad: worker.ad,
    isKnown: worker.offer !== null,
    slots: worker.slots,
    unkillable: worker.machine?.unkillable ?? 0,
    asksFor,
    memoryBytes: worker.memoryBytes,
    walls: worker.walls,
    diskFreeBytes: worker.diskFreeBytes,
    gpus: worker.gpus,
    used: worker.used,
    draining: worker.draining || worker.state === 'draining',
    remainingMs: worker.endsAtMs === null ? null : worker.endsAtMs - nowMs,
    paused: worker.state === 'paused',
    lacks: lacksOf(core, worker, nowMs),
    declines: worker.declines,
  };
}

const counted = new WeakMap<Core, { readonly atMs: number; readonly of: number; slots: number }>();

/** Of active workers; as of a moment ago, as a thousand workers ask thousands of times a second. */
function totalSlots(core: Core, nowMs: number): number {
  const { workers } = core;
  const known = counted.get(core);
  if (known && known.of === workers.size && nowMs - known.atMs < SLOTS_KEEP_MS) return known.slots;
  let slots = 0;
  for (const worker of workers.values()) if (worker.state === 'active') slots += worker.slots;
  counted.set(core, { atMs: nowMs, of: workers.size, slots });
  return slots;
}

/** Leases are kept in the order they were given. */
function oldestRunning(
  core: Core,
  now: number,
  rowViews: ReadonlyMap<JobId, readonly number[]>,
): RunningView[] {
  const views: RunningView[] = [];
  for (const lease of core.leases.values()) {
    const of = core.jobs.get(lease.job)!;
    const copies = of.copies.get(lease.task)?.length ?? 1;
    const { ticket, worker } = lease;
    const job = rowViews.get(lease.job)?.[of.kinds!.of[lease.task]!] ?? lease.job;
    views.push({ ticket, job, worker, runningMs: now - lease.sinceMs, copies });
    if (views.length >= RUNNING_SEEN) break;
  }
  return views;
}

function grant(
  core: Core,
  job: Job,
  worker: Worker,
  count: number,
  kind: Kind | null,
): GrantedAttempt[] {
  const taken =
    typeof kind === 'string' ? job.tasks.takeParked(kind, count) : job.tasks.take(count, kind ?? 0);
  const tasks = perTaskPolicies(core, job) ? passedByPolicies(core, job, taken) : taken;
  if (tasks.length === 0) return [];
  const runs = runsOf(tasks);
  const cells = readRows(core, job, runs);
  if (cells !== null) return leaseOut(core, job, worker, tasks, runs, (index) => cells[index]!);
  for (const task of tasks) giveBack(job, task, 0);
  return [];
}

/** Null when the job's table cannot be read any more: the job is paused and says why. */
function readRows(
  core: Core,
  job: Job,
  runs: readonly (readonly [TaskIndex, number])[],
): (readonly string[])[] | null {
  try {
    return runs.flatMap(([first, length]) => job.rows.rows(first, length));
  } catch (error) {
    onRowsUnreadable(core, job, error);
    return null;
  }
}

function copy(core: Core, worker: Worker, ticket: Ticket): GrantedAttempt[] {
  const first = core.leases.get(ticket)!;
  const job = core.jobs.get(first.job)!;
  const runs = [[first.task, 1]] as const;
  // It was looked for by what the job asks for.
  if (askedOf(job, first.task)) return [];
  const cells = readRows(core, job, runs);
  if (cells === null) return [];
  if ('missing' in fillIn(core, job, worker)) return [];
  addCopy(core, job, first);
  return leaseOut(core, job, worker, [first.task], runs, () => cells[0]!);
}

function leaseOut(
  core: Core,
  job: Job,
  worker: Worker,
  tasks: readonly TaskIndex[],
  runs: readonly (readonly [TaskIndex, number])[],
  cellsOf: (index: number) => readonly string[],
): GrantedAttempt[] {
  const filled = fillIn(core, job, worker);
  if ('missing' in filled) {
    holdAll(core, job, tasks, filled.missing);
    return [];
  }
  const firstTicket = core.nextTicket;
  const granted: Grant = { firstTicket, open: tasks.length };
  const grantedAtMs = core.clock.now();
  const sinceMs = core.clock.monotonic();
  core.activity.add('started', tasks.length, sinceMs);
  core.nextTicket += tasks.length;
  core.commit.add({
    kind: 'granted',
    grant: {
      firstTicket,
      job: job.id,
      worker: worker.id,
      workerName: worker.name,
      tasks: runs,
      grantedAtMs,
    },
    nextTicket: core.nextTicket,
  });
  const leases: Lease[] = [];
  const attempts = tasks.map((task, index) => {
    const ticket = firstTicket + index;
    const own = cellsOf(index);
    const cells = filled.cells.length === 0 ? own : [...own, ...filled.cells];
    const number = nextNumber(job, task);
    const asked = askedOf(job, task);
    if (job.spec.eventLog) {
      const tasks = [[task, 1]] as const;
      const start = { kind: 'started', actor: 'server', reason: '', ticket, tasks } as const;
      addChange(core, job, { ...start, worker: worker.name });
    }
    leases.push({
      ticket,
      job: job.id,
      task,
      number,
      worker: worker.id,
      workerName: worker.name,
      grantedAtMs,
      sinceMs,
      grant: granted,
      asked,
      taken: takenBy(job, asked),
    });
    for (const attribute of filled.attributes) remember(core, job, task, attribute);
    const past = pastOf(job.notes.get(task), core.set.of(job.id, task));
    return { ticket, job: job.id, task, number, cells, past, asked };
  });
  addLeases(core, worker, leases);
  return attempts;
}

/** As HTCondor does where a value of the machine is missing: somebody has to look. */
function holdAll(core: Core, job: Job, tasks: readonly TaskIndex[], why: string): void {
  const ruling = { to: 'held', hold: hold('Unspecified'), reason: why, actor: 'server' } as const;
  for (const task of tasks) ruleTasks(core, job, [[task, 1]], ruling, [job.tasks.state(task)]);
}

function remember(core: Core, job: Job, task: TaskIndex, attribute: SetAttribute): void {
  if (!core.set.set(job.id, task, attribute)) return;
  core.commit.add({ kind: 'attribute-set', job: job.id, task, attribute });
}

function pastOf(note: TaskNote | undefined, set: readonly SetAttribute[] | null): TaskPast | null {
  const { holds = 0, completions = 0, lastHold = null } = note ?? {};
  if (holds === 0 && completions === 0 && set === null) return null;
  const attributes = (set ?? []).map(({ name, expression }) => ({ name, expression }));
  return { holds, completions, lastHold, attributes };
}

/** Printed once, not for each worker; a changed job has another specification. */
const printedAds = new WeakMap<JobSpec, string>();

/** In brackets: lines cannot hold a command that has several. */
function printedAdOf(job: Job): string {
  const known = printedAds.get(job.spec);
  if (known !== undefined) return known;
  const printed = printAd(wholeAd(adOfJob(job)));
  printedAds.set(job.spec, printed);
  return printed;
}

export function describe(job: Job): JobDescription {
  const { spec } = job;
  return {
    id: job.id,
    name: spec.name,
    owner: spec.owner,
    columns: columnsGiven(spec, job.columns),
    command: spec.command,
    inputs: spec.inputs,
    results: spec.results,
    programName: spec.programName,
    programs: spec.programs,
    environment: spec.environment,
    directory: spec.directory,
    timeoutMs: spec.timeoutMs,
    killGraceMs: spec.killGraceMs,
    request: spec.request,
    isolation: spec.isolation,
    logBytes: spec.logBytes,
    resultBytes: spec.resultBytes,
    deleteWorker: spec.deleteWorker,
    deleteClient: spec.deleteClient,
    chirp: spec.chirp,
    successExitCode: spec.policy.successExitCode ?? 0,
    ad: printedAdOf(job),
  };
}

/** The matchmaker did not get round to everything within its time. */
export function planOn(core: Core): void {
  if (!core.isPlanUnfinished) return;
  core.isPlanUnfinished = false;
  core.wake();
}
