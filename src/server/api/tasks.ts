/** Tasks and their attempts, running and ended. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { pause } from '#base';
import { expressionOf, findAttribute, namesThrough } from '#classad';
import {
  cellsShown,
  columnsGiven,
  holdName,
  JOB_STATUS,
  type TaskIndex,
  TaskState,
  type TaskStateName,
  taskStateName,
} from '#model';
import type { AttemptRow, Store, TaskNote } from '#store';
import { compileCommand } from '#sweep';
import type { ApiHandlers, AttemptView, LifeEntry, TaskSummary } from '#wire';
import {
  adOfJob,
  adOfTask,
  cellsOf,
  type KnownTask,
  type OwnAttributes,
  ownAttributes,
} from '../ads/facts.ts';
import { type Sieve, sieveOf, sift, toldOf } from '../ads/sieve.ts';
import type { Core, Job, Lease } from '../core.ts';
import { lifeOf } from '../life/journal.ts';
import { noteOfMass } from '../reactor/tasks.ts';
import { mayHaveSet } from '../set-attributes.ts';
import { viewOfEnded } from './attempt-view.ts';
import { type ApiParts, jobOf, parametersOf, requireTask } from './parts.ts';
import { uncheckedOf } from './unchecked.ts';
import { waitingSentences, whyWaiting } from './waiting.ts';

const PAGE = 100;

type TaskHandlers = Pick<ApiHandlers, 'listTasks' | 'getTask' | 'listAttempts' | 'readLife'>;

export function taskHandlers(parts: ApiParts): TaskHandlers {
  const { core, store } = parts;
  return {
    async listTasks({ params, query }) {
      const job = jobOf(core, params.job);
      const limit = query.limit ?? PAGE;
      if (query.constraint === undefined && query.attributes === undefined) {
        const { found, next } = tasksIn(job, query.state, query.from ?? 0, limit);
        const tasks = await Promise.all(found.map((task) => summaryOf(store, job, task)));
        return { tasks, next };
      }
      const sieve = sieveOf(query, core.ambient);
      const looks = asksForRows(sieve, job);
      const pages = knownTasks(core, store, job, { state: query.state, looks }, query.from ?? 0);
      const tasks: TaskSummary[] = [];
      let next = 0;
      for await (const { item, ad } of sift(sieve, pages, (known) => adOfTask(job, known))) {
        if (tasks.length === limit) return { tasks, next };
        next = item.task + 1;
        const summary = await summaryOf(store, job, item.task);
        tasks.push({ ...summary, ad: toldOf(sieve, ad) });
      }
      return { tasks, next: null };
    },

    async getTask({ params }) {
      const job = jobOf(core, params.job);
      requireTask(job, params.task);
      return taskDetail(core, store, job, params.task);
    },

    async readLife({ params, query }, { signal }) {
      const job = jobOf(core, params.job);
      return followLife(parts, job, query.after ?? 0, query.follow === 'yes', signal);
    },

    async listAttempts({ params, query }) {
      const job = jobOf(core, params.job);
      const limit = query.limit ?? PAGE;
      const wanted = (attempt: AttemptRow): boolean =>
        (query.cause === undefined || attempt.cause === query.cause) &&
        (query.worker === undefined || attempt.worker === query.worker);
      const attempts: AttemptView[] = [];
      for (let after = query.from ?? 0; ; ) {
        const page = await store.attemptsAfter(job.id, after, 1000);
        for (const attempt of page) {
          after = attempt.sequence;
          if (!wanted(attempt)) continue;
          attempts.push(viewOfEnded(attempt));
          if (attempts.length === limit) return { attempts, next: after };
        }
        if (page.length < 1000) return { attempts, next: null };
        // Reading is synchronous; leases are renewed in between.
        await nextTurn();
      }
    },
  };
}

const FOLLOW_MS = 200;

/** Ends when the asker goes, and when the job has ended and all of it was told. */
async function* followLife(
  { core, store }: ApiParts,
  job: Job,
  after: number,
  follows: boolean,
  signal: AbortSignal,
): AsyncGenerator<LifeEntry> {
  let seen = after;
  for (;;) {
    const isOver = !core.active.has(job.id) || core.stopped !== null;
    const upTo = core.sequence;
    await core.commit.readable();
    for await (const entry of lifeOf(store, job, seen, upTo)) {
      yield entry;
      seen = Math.max(seen, entry.sequence);
    }
    if (!follows || isOver || signal.aborted) return;
    // Without any entry yet, those that tell of the submission would come again.
    seen = Math.max(seen, 1);
    while (core.sequence === upTo && core.active.has(job.id) && !signal.aborted) {
      if (core.stopped !== null) break;
      await pause(FOLLOW_MS, signal);
    }
  }
}

function tasksIn(
  job: Job,
  state: TaskStateName | undefined,
  from: TaskIndex,
  limit: number,
): { found: TaskIndex[]; next: number | null } {
  const found: TaskIndex[] = [];
  if (state === undefined) {
    const end = Math.min(job.tasks.rows, from + limit);
    for (let task = from; task < end; task++) found.push(task);
    return { found, next: end < job.tasks.rows ? end : null };
  }
  let task = job.tasks.find([TaskState[state]], from);
  while (task >= 0 && found.length < limit) {
    found.push(task);
    task = job.tasks.find([TaskState[state]], task + 1);
  }
  return { found, next: task >= 0 ? task : null };
}

/** Whether parameters are asked for: reading their table is most of the work of a list. */
function asksForRows({ constraint, attributes }: Sieve, job: Job): boolean {
  if (attributes === '*') return true;
  const wanted = (attributes ?? []).map(
    (name) => ({ kind: 'name', name, absolute: false }) as const,
  );
  const asked = [...(constraint ? [constraint] : []), ...wanted.map(expressionOf)];
  const ad = adOfJob(job);
  const names = namesThrough(asked, (name) => [findAttribute(ad, name) ?? []].flat());
  return names === null || job.columns.some((column) => names.has(column.toLowerCase()));
}

const PAGE_WITH_ADS = 1000;

/** Page by page, all that the ad of each task is made of. */
async function* knownTasks(
  core: Core,
  store: Store,
  job: Job,
  { state, looks }: { readonly state: TaskStateName | undefined; readonly looks: boolean },
  first: TaskIndex,
): AsyncGenerator<KnownTask[]> {
  const leases = new Map<TaskIndex, Lease>();
  for (const lease of core.leases.values()) {
    if (lease.job === job.id) leases.set(lease.task, lease);
  }
  for (let from: number | null = first; from !== null; ) {
    const { found, next }: ReturnType<typeof tasksIn> = tasksIn(job, state, from, PAGE_WITH_ADS);
    const known = await Promise.all(
      found.map((task) => knownTask(store, job, task, leases.get(task) ?? null)),
    );
    yield looks ? known.map((one) => ({ ...one, cells: cellsOf(job, one.task) })) : known;
    from = next;
  }
}

/** Of a task that waits and was never touched there is nothing to be looked up. */
async function knownTask(
  store: Store,
  job: Job,
  task: TaskIndex,
  lease: Lease | null,
): Promise<KnownTask> {
  const noted = job.notes.get(task) ?? null;
  if (lease || (!noted && job.tasks.state(task) === TaskState.waiting)) {
    const own = lease ? await ownOf(store, job, task) : null;
    return { task, note: noted, lease, ended: null, own };
  }
  const note = await currentNote(store, job, task, job.tasks.state(task));
  const ended = (await store.attemptsOfTask(job.id, task)).at(-1) ?? null;
  return { task, note, lease, ended, own: await ownOf(store, job, task) };
}

async function ownOf(store: Store, job: Job, task: TaskIndex): Promise<OwnAttributes | null> {
  return mayHaveSet(job) ? ownAttributes(await store.attributesOf(job.id, task)) : null;
}

async function summaryOf(store: Store, job: Job, task: TaskIndex): Promise<TaskSummary> {
  const state = job.tasks.state(task);
  const note = await currentNote(store, job, task, state);
  if (note) return fromNote(job, note, state);
  const ended = (await store.attemptsOfTask(job.id, task)).at(-1);
  return {
    task,
    state: taskStateName(state),
    status: JOB_STATUS[taskStateName(state)],
    hold: null,
    holds: 0,
    reason: state === TaskState.done ? 'its results were accepted' : '',
    changedAtMs: ended?.endedAtMs ?? 0,
    actor: ended?.worker ?? '',
    attempts: ended?.number ?? (state === TaskState.running ? 1 : 0),
    parameters: parametersOf(job, task),
  };
}

/** Its own, or that of a change of many tasks which was the last to befall it. */
async function currentNote(
  store: Store,
  job: Job,
  task: TaskIndex,
  state: TaskState,
): Promise<TaskNote | null> {
  const own = job.notes.get(task) ?? (await store.note(job.id, task));
  if (own?.state === taskStateName(state) || state === TaskState.done) return own;
  const mass = noteOfMass(job, task);
  return mass && (!own || mass.atMs >= own.atMs) ? mass : own;
}

function fromNote(job: Job, note: TaskNote, state: TaskState): TaskSummary {
  // A note may be older than the state: a task that was tried again is running by now.
  const current = taskStateName(state) === note.state;
  return {
    task: note.task,
    state: taskStateName(state),
    status: JOB_STATUS[taskStateName(state)],
    hold: current && note.hold ? { ...note.hold, name: holdName(note.hold.code) } : null,
    holds: note.holds,
    reason: current ? reasonOf(note) : '',
    changedAtMs: note.atMs,
    actor: current ? note.actor : 'server',
    attempts: Math.max(note.attempts, note.unchecked?.number ?? 0),
    parameters: parametersOf(job, note.task),
  };
}

/** A task that still runs says what was decided of it. */
function reasonOf({ ruling, reason }: TaskNote): string {
  if (!ruling) return reason;
  return `it is being stopped and will be ${ruling.to}: ${ruling.reason} (by ${ruling.actor})`;
}

export async function taskDetail(core: Core, store: Store, job: Job, task: TaskIndex) {
  const summary = await summaryOf(store, job, task);
  const ended = (await store.attemptsOfTask(job.id, task)).map(viewOfEnded);
  const unchecked = await uncheckedOf(store, job, task);
  const waits = unchecked
    ? [{ ...viewOfEnded(unchecked), reason: 'no verdict on its results' }]
    : [];
  const running = leasesOf(core, job, task).map((lease) => viewOfRunning(core, lease));
  const columns = columnsGiven(job.spec, job.columns);
  const command = compileCommand(job.spec.command, columns, undefined, job.id);
  return {
    ...summary,
    job: job.id,
    commandLine: command.script(cellsShown(job.spec, job.rows.row(task)), task),
    attemptList: [...ended, ...waits, ...running],
    waiting:
      summary.state === 'waiting'
        ? waitingSentences(job, whyWaiting(core, job, task)).join('; ')
        : '',
  };
}

function leasesOf(core: Core, job: Job, task: TaskIndex): Lease[] {
  return [...core.leases.values()].filter((lease) => lease.job === job.id && lease.task === task);
}

function viewOfRunning(core: Core, lease: Lease): AttemptView {
  return {
    ticket: lease.ticket,
    task: lease.task,
    number: lease.number,
    worker: core.workers.get(lease.worker)?.name ?? lease.worker,
    cause: null,
    exitCode: null,
    signal: null,
    reason: '',
    signature: '',
    startedAtMs: lease.grantedAtMs,
    endedAtMs: null,
    usage: null,
    walls: null,
    inputs: [],
    asked: lease.asked,
    next: null,
    reusedFrom: null,
  };
}
