/** The server's memory as it was, from the store. Nothing is repaired, only read. */
import { rmSync } from 'node:fs';
import { type AttemptRecord, isFinal, TaskState } from '#model';
import { JobStatistics, SegmentStore } from '#results';
import type { Store, StoredGrant, StoredJob } from '#store';
import { openRows, type RowSource } from '#sweep';
import { askedOf, giveBack } from './asked.ts';
import type { Core, Grant, Job } from './core.ts';
import type { Tables } from './intake/tables.ts';
import type { Layout } from './layout.ts';
import { isOpenClient, openLeaseMs } from './open-lease.ts';
import { onRowsUnreadable } from './reactor/jobs.ts';
import { addLeases, onUnheld, takenBy } from './reactor/leases.ts';
import { LOST_MOST, remember } from './reactor/lost.ts';
import { restoreShares } from './reactor/sharing.ts';
import { nextNumber } from './reactor/tasks.ts';
import { onWorkerHeard } from './reactor/workers.ts';
import { LONGEST_DELAY_MS } from './retry.ts';
import { takeUp } from './take-up.ts';
import { TaskTable } from './task-table.ts';

const PAGE = 10_000;

interface Known {
  /** Tickets by job and task, of all grants so far. */
  readonly running: Map<string, number[]>;
  /** By worker, of those that may be away for longer than the server's lease. */
  readonly awayMs: Map<string, number>;
}

export async function recover(
  core: Core,
  store: Store,
  layout: Layout,
  tables: Tables,
): Promise<void> {
  core.nextTicket = await store.nextTicket();
  core.sequence = await store.lastSequence();
  const known: Known = { running: new Map(), awayMs: new Map() };
  for (const { id, name, slots, awayMs, order } of await store.workers()) {
    if (order) core.orders.set(id, order);
    core.slotsByName.set(name, slots);
    if (awayMs > 0) known.awayMs.set(id, awayMs);
  }
  restoreShares(core, await store.shares());
  for (const stored of await store.jobs()) {
    const job = await openJob(store, layout, tables, stored);
    core.jobs.set(job.id, job);
    core.nextJob = Math.max(core.nextJob, job.id + 1);
    if (job.state === 'running' || job.state === 'paused') core.active.add(job.id);
  }
  for (const id of core.active) await restoreLost(core, store, core.jobs.get(id)!);
  for (const grant of await store.grants()) await restoreGrant(core, store, grant, known);
  await takeUpAll(core, store);
  for (const id of core.active) settle(core, core.jobs.get(id)!);
  for (const id of core.active) pauseWithoutRows(core, core.jobs.get(id)!);
}

async function openJob(
  store: Store,
  layout: Layout,
  tables: Tables,
  stored: StoredJob,
): Promise<Job> {
  // A server that was killed while it deleted them may have left some of its files.
  if (stored.emptied) rmSync(layout.results(stored.id), { recursive: true, force: true });
  const tasks = new TaskTable(stored.rows);
  for (const { segment, bytes } of await store.states(stored.id)) tasks.restore(segment, bytes);
  const job: Job = {
    ...stored,
    rows: rowsOf(stored, () => openRows(stored.spec.axes, (id) => tables.reader(id))),
    tasks,
    kinds: null,
    notes: new Map(),
    masses: await store.massChanges(stored.id),
    copies: new Map(),
    takers: 0,
    results: SegmentStore.open(layout.results(stored.id), stored.resultsEnd),
    statistics: await statisticsOf(store, stored),
    staging: null,
    collectionError: null,
    statisticsDirty: false,
    statisticsUrgent: false,
    lastSequence: 0,
    recent: new Map(),
  };
  await restoreNotes(store, job);
  return job;
}

/** Also of a job whose table is gone: each use looks for it anew, for somebody may put it back. */
function rowsOf({ columns, rows: count }: StoredJob, open: () => RowSource): RowSource {
  let found: RowSource | null = null;
  const source = (): RowSource => {
    found ??= open();
    return found;
  };
  return {
    columns,
    count,
    row: (number) => source().row(number),
    rows: (from, most) => source().rows(from, most),
  };
}

/** Nothing of it could be handed out; all other jobs go on. */
function pauseWithoutRows(core: Core, job: Job): void {
  if (job.state !== 'running') return;
  try {
    job.rows.row(0);
  } catch (error) {
    onRowsUnreadable(core, job, error);
  }
}

/** The kept statistics, and the ends of attempts that came after they were kept. */
async function statisticsOf(store: Store, stored: StoredJob): Promise<JobStatistics> {
  const kept = await store.statistics(stored.id);
  const statistics = kept ? JobStatistics.fromJSON(kept.json) : new JobStatistics();
  for (let after = kept?.through ?? 0; ; ) {
    const attempts = await store.attemptsAfter(stored.id, after, PAGE);
    for (const attempt of attempts) statistics.add(attempt as AttemptRecord);
    if (attempts.length < PAGE) return statistics;
    after = attempts.at(-1)!.sequence;
  }
}

/** In memory only what is needed of tasks that are not final. */
async function restoreNotes(store: Store, job: Job): Promise<void> {
  for (let from = 0; ; ) {
    const notes = await store.notes(job.id, from, PAGE);
    for (const note of notes) {
      const state = job.tasks.state(note.task);
      if (state !== TaskState.failed && state !== TaskState.removed) job.notes.set(note.task, note);
    }
    if (notes.length < PAGE) return;
    from = notes.at(-1)!.task + 1;
  }
}

/** Programs may have set attributes of tasks that have a note or a lease. */
async function takeUpAll(core: Core, store: Store): Promise<void> {
  const leased = Map.groupBy(core.leases.values(), ({ job }) => job);
  for (const id of core.active) {
    const job = core.jobs.get(id)!;
    const running = (leased.get(id) ?? []).map(({ task }) => task);
    // One whose table is gone is paused below, and says why.
    await takeUp(core, store, job, running).catch(() => {});
  }
}

/** Workers that were lost before the restart may still come back with what is wanted. */
async function restoreLost(core: Core, store: Store, job: Job): Promise<void> {
  const latest = await store.lostAttempts(job.id, LOST_MOST);
  for (const { ticket, task, number, worker, startedAtMs, usage } of latest.reverse()) {
    if (isFinal(job.tasks.state(task))) continue;
    remember(core, {
      ticket,
      job: job.id,
      task,
      number,
      worker: '',
      workerName: worker,
      grantedAtMs: startedAtMs,
      sinceMs: core.clock.monotonic(),
      countedMs: usage.wallMs,
      asked: null,
      taken: takenBy(job, null),
    });
  }
}

/**
 * Attempts of the grant that have not ended are current again, with a whole new lease. That holds also
 * where the task is done or settled by another attempt: this one's end belongs on record.
 */
async function restoreGrant(
  core: Core,
  store: Store,
  stored: StoredGrant,
  known: Known,
): Promise<void> {
  const job = core.jobs.get(stored.job)!;
  const grant: Grant = { firstTicket: stored.firstTicket, open: 0 };
  const ageMs = Math.max(0, core.clock.now() - stored.grantedAtMs);
  const sinceMs = core.clock.monotonic() - ageMs;
  const isOpen = isOpenClient(stored.worker);
  const awayMs = known.awayMs.get(stored.worker) ?? 0;
  const worker = onWorkerHeard(core, {
    id: stored.worker,
    name: stored.workerName,
    platform: '',
    version: '',
    address: '',
    kind: isOpen ? 'open' : 'sync',
    slots: 0,
    memoryBytes: 0,
    walls: null,
    offer: null,
    diskFreeBytes: 0,
    gpus: 0,
    machine: null,
    remainingMs: null,
    draining: false,
    awayMs,
    leaseMs: isOpen
      ? openLeaseMs(core.settings, job.spec)
      : Math.max(core.settings.leaseMs, awayMs),
  });
  let ticket = stored.firstTicket;
  for (const [first, count] of stored.tasks) {
    const ended = new Set(await store.endedTickets(job.id, first, count));
    for (let task = first; task < first + count; task++, ticket++) {
      const state = job.tasks.state(task);
      // Who had it gave back what waits; of what is being checked the end is noted with the task.
      if (ended.has(ticket) || state === TaskState.waiting || job.emptied) continue;
      if (job.notes.get(task)?.unchecked?.ticket === ticket) continue;
      grant.open++;
      const { grantedAtMs, workerName } = stored;
      const number = nextNumber(job, task);
      const asked = askedOf(job, task);
      const lease = {
        ticket,
        job: job.id,
        task,
        number,
        worker: worker.id,
        workerName,
        grantedAtMs,
        sinceMs,
        grant,
        asked,
        taken: takenBy(job, asked),
      };
      addLeases(core, worker, [lease]);
      const cancel = cancelOf(job, task);
      if (cancel) worker.cancels.set(ticket, cancel);
      if (state === TaskState.running) noteCopies(known, job, task, ticket);
    }
  }
  if (grant.open === 0) core.commit.add({ kind: 'grant-closed', firstTicket: stored.firstTicket });
}

/** What is to become of an attempt that still runs. */
function cancelOf(job: Job, task: number): 'superseded' | 'cancelled' | null {
  switch (job.tasks.state(task)) {
    case TaskState.done:
    case TaskState.failed:
    case TaskState.checking:
      return 'superseded';
    case TaskState.held:
    case TaskState.removed:
      return 'cancelled';
    default:
      return job.notes.get(task)?.ruling ? 'cancelled' : null;
  }
}

function noteCopies({ running }: Known, job: Job, task: number, ticket: number): void {
  const key = `${job.id}.${task}`;
  const tickets = [...(running.get(key) ?? []), ticket];
  running.set(key, tickets);
  if (tickets.length > 1) job.copies.set(task, tickets);
}

/** Running tasks that nobody holds wait again; checks that were under way are begun anew. */
function settle(core: Core, job: Job): void {
  const held = new Set<number>();
  for (const lease of core.leases.values()) if (lease.job === job.id) held.add(lease.task);
  for (let task = job.tasks.find([TaskState.running], 0); task >= 0; ) {
    if (!held.has(task)) onUnheld(core, job, task);
    task = job.tasks.find([TaskState.running], task + 1);
  }
  const now = core.clock.now();
  for (const { task, notBeforeMs, asked } of job.notes.values()) {
    if (asked && job.tasks.state(task) === TaskState.waiting) giveBack(job, task, 0);
    // The clock may have been set back while the server was down.
    const leftMs = Math.min(notBeforeMs - now, LONGEST_DELAY_MS);
    if (leftMs > 0) job.tasks.delay(task, core.clock.monotonic() + leftMs);
  }
  for (let task = job.tasks.find([TaskState.checking], 0); task >= 0; ) {
    core.check(job, task);
    task = job.tasks.find([TaskState.checking], task + 1);
  }
  core.commit.touch();
}
