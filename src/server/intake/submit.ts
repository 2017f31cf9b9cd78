/** A submission becomes a job: a new one, or the one that it repeats, gone on with. */
import { hostname } from 'node:os';
import { type AttemptRecord, type JobSpec, TaskState, type UserCode } from '#model';
import {
  areThere,
  checkCollection,
  checkUserCode,
  JobStatistics,
  SegmentStore,
  type UserCodePorts,
} from '#results';
import type { AttemptRow, Store, StoredJob, TaskNote } from '#store';
import { checkSpec, openRows, type RowSource } from '#sweep';
import type { JobSubmission } from '#wire';
import type { Core, Job } from '../core.ts';
import { serverErrors } from '../errors.ts';
import type { Layout } from '../layout.ts';
import { addRecord } from '../reactor/attempts.ts';
import { isStuck, removeJob, retryTasks, stageAgain } from '../reactor/jobs.ts';
import { addChange, checkFinished, setJobState } from '../reactor/tasks.ts';
import { rowKindsOf, sortTasks } from '../row-kinds.ts';
import { withVersionsOf } from '../staged-spec.ts';
import { takeUp } from '../take-up.ts';
import { TaskTable } from '../task-table.ts';
import { placeUserCode, USER_CODE_MEMORY_BYTES } from '../user-code.ts';
import type { Blobs } from './blobs.ts';
import { checkEventLogs, checkOutput } from './output-places.ts';
import { newTermsNotice, type Rerun, rerunOf, takenRun } from './rerun.ts';
import {
  firstOpenOf,
  NOWHERE,
  type OpenRow,
  rowsDoneBefore,
  type Taken,
  takersOf,
} from './reuse.ts';
import type { Tables } from './tables.ts';

export interface Submitted {
  readonly job: Job;
  readonly outcome: 'created' | 'continued';
  readonly rerun: Rerun;
  readonly warnings: readonly string[];
}

export interface IntakeParts {
  readonly core: Core;
  readonly store: Store;
  readonly layout: Layout;
  readonly tables: Tables;
  readonly blobs: Blobs;
  /** Of URLs that the server can fetch; none: it fetches nothing. */
  readonly schemes: ReadonlySet<string>;
  /** Whether validators and collectors of users may run as this server's account. */
  readonly userCode: 'run' | 'refuse';
  readonly ports: UserCodePorts;
}

/** Rows per transaction when results of an earlier job are taken over. */
const TAKE_ROWS = 5000;

export class Intake {
  readonly #parts: IntakeParts;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  /** Checks everything, changes nothing. @throws WindrowError naming what is wrong */
  async check(spec: JobSpec): Promise<{ rows: RowSource; warnings: readonly string[] }> {
    const { tables, blobs } = this.#parts;
    blobs.requireAll(spec);
    requireSchemes(spec, this.#parts.schemes);
    await this.#checkUserCode(spec);
    const rows = openRows(spec.axes, (id) => tables.reader(id));
    const { warnings } = checkSpec(spec, rows.columns, await blobs.templates(spec));
    const { collect: collection, results: sources, keep } = spec;
    checkCollection({ collection, sources, columns: rows.columns, keep });
    if (spec.output !== '') checkOutput(spec.output);
    checkEventLogs(spec, rows);
    return { rows, warnings };
  }

  /** Before anything runs: a slip in a collector would show itself at the end of the job only. */
  async #checkUserCode({ validate, collect }: JobSpec): Promise<void> {
    if (validate) await this.#checkOneCode('validator', validate);
    if (collect.kind === 'module') await this.#checkOneCode('collector', collect.code);
  }

  async #checkOneCode(what: 'validator' | 'collector', code: UserCode): Promise<void> {
    const { blobs, layout, ports, userCode } = this.#parts;
    if (userCode !== 'run' && code.kind !== 'expression') {
      throw serverErrors.create('USER_CODE_REFUSED', { what: code.path });
    }
    await checkUserCode(what, placeUserCode(code, blobs, layout), USER_CODE_MEMORY_BYTES, ports);
  }

  async submit(submission: JobSubmission, actor: string): Promise<Submitted> {
    const { core } = this.#parts;
    const spec = submission.spec as JobSpec;
    const { rows, warnings } = await this.check(spec);
    const earlier = submission.again ? null : this.#earlier(lineageOf(spec));
    if (earlier && earlier.key === submission.key && sameRows(earlier.spec, spec)) {
      const before = earlier.spec;
      const rerun = await this.#goOn(earlier, spec, actor);
      await core.commit.durable();
      const all = [...warnings, ...newTermsNotice(before, spec, rerun.kept)];
      return { job: earlier, outcome: 'continued', rerun, warnings: all };
    }
    const replaced = earlier && this.#replacedOutputs(earlier, submission.key);
    const created = await this.#create(submission, spec, rows, actor);
    await core.commit.durable();
    const all = replaced ? [...warnings, replaced] : warnings;
    return { ...created, outcome: 'created', warnings: all };
  }

  /** A different sweep is about to write where an earlier one has written. */
  #replacedOutputs(earlier: Job, key: string): string | null {
    const { id, spec } = earlier;
    // Files of a submit description lie where it says, not in an output directory.
    if (spec.output === '' || spec.place !== null) return null;
    if (earlier.key === key || earlier.collectedAtMs === null) return null;
    return `${spec.output} holds the results of job ${id} (${spec.name}), which this one replaces; they stay in the server (windrow results ${id}), another --output keeps both`;
  }

  /** What `submit` would do. */
  async preview(submission: JobSubmission): Promise<{
    rerun: Rerun;
    rows: RowSource;
    open: readonly OpenRow[];
    warnings: readonly string[];
  }> {
    const spec = submission.spec as JobSpec;
    const { rows, warnings } = await this.check(spec);
    const { earlier, usable } = this.#before(submission, spec);
    const taken = usable && (await rowsDoneBefore(usable, rows));
    const rerun = rerunOf(usable ?? earlier, submission, rows.count, taken);
    const open = taken?.firstOpen ?? firstOpenOf(rows.count, earlier ? 'changed' : 'fresh');
    return { rerun, rows, open, warnings };
  }

  /** The latest job of the lineage; with a key, the latest that has it. */
  #earlier(lineage: string, key: string | null = null): Job | null {
    let latest: Job | null = null;
    for (const job of this.#parts.core.jobs.values()) {
      if (job.lineage !== lineage || job.state === 'removed') continue;
      if (key === null || job.key === key) latest = job;
    }
    return latest;
  }

  /**
   * What was there before a submission, and the job whose results count for it: also one from before
   * a change that was taken back.
   */
  #before({ again, key }: JobSubmission, spec: JobSpec) {
    if (again) return { earlier: null, usable: null };
    const lineage = lineageOf(spec);
    return { earlier: this.#earlier(lineage), usable: this.#earlier(lineage, key) };
  }

  /** The same sweep again: what is done stays, what failed or is held is tried again. */
  async #goOn(job: Job, spec: JobSpec, actor: string): Promise<Rerun> {
    const { core } = this.#parts;
    // Its requirements may look at other columns now.
    const kinds = await rowKindsOf({ ...job, spec });
    const isAnew = isOver(job) && (!hasOutputs(job) || !sameCollection(job.spec, spec));
    job.spec = withVersionsOf(spec, job.spec);
    sortTasks(job, kinds);
    core.commit.add({ kind: 'job-spec', job: job.id, spec: job.spec });
    // Ended once more at once, which also outlives a kill of the server amid the collection.
    if (isAnew) setJobState(core, job, 'running', 'its results are collected anew', actor);
    const kept = job.tasks.count(TaskState.done);
    const failed = job.tasks.rows - kept;
    if (job.state === 'paused') setJobState(core, job, 'running', 'submitted again', actor);
    const stuck = await this.stuckNotes(job);
    const tasks = stuck.map(({ task }) => task);
    await takeUp(core, this.#parts.store, job, tasks);
    retryTasks(core, job, stuck, actor, true);
    stageAgain(core, job, actor);
    if (core.active.has(job.id)) core.stage(job);
    checkFinished(core, job);
    return takenRun(job, kept, failed, job.tasks.rows);
  }

  /** Notes of the failed and held tasks, read from the store. */
  async stuckNotes(job: Job): Promise<TaskNote[]> {
    const stuck: TaskNote[] = [];
    // Failures of this moment are known to the store only once they are committed.
    await this.#parts.core.commit.durable();
    for (let from = 0; ; ) {
      const notes = await this.#parts.store.notes(job.id, from, 10_000);
      for (const note of notes) if (isStuck(job, note.task)) stuck.push(note);
      if (notes.length < 10_000) return stuck;
      from = notes.at(-1)!.task + 1;
    }
  }

  async #create(
    submission: JobSubmission,
    spec: JobSpec,
    rows: RowSource,
    actor: string,
  ): Promise<{ job: Job; rerun: Rerun }> {
    const { core } = this.#parts;
    const { earlier, usable } = this.#before(submission, spec);
    const taken = usable && (await rowsDoneBefore(usable, rows));
    const sources = usable ? withVersionsOf(spec, usable.spec) : spec;
    const job = this.#makeJob(submission, sources, rows, actor);
    sortTasks(job, await rowKindsOf(job));
    const takes = taken !== null && taken.done > 0;
    core.commit.add({ kind: 'job-added', job: takes ? unfinishedJob(job) : storedJob(job) });
    core.commit.add({
      kind: 'event',
      atMs: job.submittedAtMs,
      job: job.id,
      event: 'job-submitted',
      actor,
      text: `${spec.name}: ${rows.count} tasks`,
    });
    if (spec.eventLog) {
      const tasks = [[0, rows.count]] as const;
      addChange(core, job, { kind: 'submitted', actor, reason: '', tasks, worker: hostname() });
    }
    if (takes && usable) {
      usable.takers++;
      await this.#takeOver(job, usable, taken).finally(() => usable.takers--);
    }
    // Two jobs never write to one output.
    const before = this.#earlier(job.lineage);
    if (before && spec.output !== '' && core.active.has(before.id)) {
      removeJob(core, before, `replaced by job ${job.id}`, actor);
    }
    // From here on to the next commit nothing waits: the states of its tasks go with its own.
    core.jobs.set(job.id, job);
    core.active.add(job.id);
    if (takes) setJobState(core, job, 'running', job.stateReason, actor);
    core.activity.add('submitted', rows.count, core.clock.monotonic());
    core.happened({ kind: 'job', job: job.id });
    checkFinished(core, job);
    if (core.active.has(job.id)) core.stage(job);
    core.wake();
    return { job, rerun: rerunOf(usable ?? earlier, submission, rows.count, taken) };
  }

  #makeJob(submission: JobSubmission, wanted: JobSpec, rows: RowSource, actor: string): Job {
    const { core, layout } = this.#parts;
    const id = core.nextJob++;
    const spec = withNumber(wanted, id);
    const now = core.clock.now();
    return {
      id,
      spec,
      lineage: lineageOf(spec),
      key: submission.key,
      keyParts: submission.keyParts,
      columns: rows.columns,
      rows,
      tasks: new TaskTable(rows.count),
      kinds: null,
      notes: new Map(),
      masses: [],
      copies: new Map(),
      state: 'running',
      stateReason: 'submitted',
      stateActor: actor,
      stateAtMs: now,
      submittedAtMs: now,
      collectedAtMs: null,
      published: [],
      emptied: false,
      takers: 0,
      results: SegmentStore.open(layout.results(id), null),
      resultsEnd: null,
      statistics: new JobStatistics(),
      staging: null,
      collectionError: null,
      statisticsDirty: false,
      statisticsUrgent: false,
      lastSequence: 0,
      recent: new Map(),
    };
  }

  /** Results of the earlier job count for this one; they stay where they lie. */
  async #takeOver(job: Job, earlier: Job, taken: Taken): Promise<void> {
    const { core, store } = this.#parts;
    const taskOf = takersOf(taken, earlier.tasks.rows);
    for (let after = -1; ; ) {
      const rows = await store.collectedByTask(earlier.id, after, TAKE_ROWS);
      for (const row of rows) {
        const task = taskOf[row.task] ?? NOWHERE;
        if (task === NOWHERE) continue;
        const [attempt] = (await store.attemptsOfTask(earlier.id, row.task)).filter(isAccepted);
        if (!attempt) continue;
        job.tasks.set(task, TaskState.done);
        addRecord(core, job, takenRecord(attempt, job.id, task, earlier.id), true);
      }
      if (rows.length < TAKE_ROWS) return;
      await core.commit.durable();
      after = rows.at(-1)!.task;
    }
  }
}

const isAccepted = (attempt: AttemptRow): boolean => attempt.accepted;

function takenRecord(attempt: AttemptRow, job: number, task: number, from: number): AttemptRecord {
  const { sequence: _sequence, accepted: _accepted, ...record } = attempt;
  return { ...record, job, task, reusedFrom: record.reusedFrom ?? from };
}

export function storedJob(job: Job): StoredJob {
  const { id, spec, lineage, key, keyParts, columns, state } = job;
  return {
    id,
    spec,
    lineage,
    key,
    keyParts,
    rows: job.tasks.rows,
    columns,
    state,
    stateReason: job.stateReason,
    stateActor: job.stateActor,
    stateAtMs: job.stateAtMs,
    submittedAtMs: job.submittedAtMs,
    resultsEnd: job.resultsEnd,
    collectedAtMs: job.collectedAtMs,
    published: job.published,
    emptied: job.emptied,
  };
}

/** A job may be told apart by its number in the name of its event log. */
function withNumber(spec: JobSpec, id: number): JobSpec {
  const { eventLog } = spec;
  if (!eventLog?.path.includes('${:job}')) return spec;
  return {
    ...spec,
    eventLog: { ...eventLog, path: eventLog.path.replaceAll('${:job}', String(id)) },
  };
}

/** A crash while results are taken over, in many transactions, leaves a job that nobody goes on with. */
function unfinishedJob(job: Job): StoredJob {
  return { ...storedJob(job), state: 'removed', stateReason: 'its submission broke off' };
}

/** Sweeps that write to one place, or have one name, are versions of one thing. */
export function lineageOf(spec: JobSpec): string {
  return spec.output !== '' ? `output:${spec.output}` : `name:${spec.name}`;
}

function sameRows(a: JobSpec, b: JobSpec): boolean {
  return JSON.stringify(a.axes) === JSON.stringify(b.axes);
}

function isOver(job: Job): boolean {
  return job.state === 'done' || job.state === 'failed';
}

/** Its outputs were written, and nobody has removed one since. */
function hasOutputs({ collectionError, spec, published }: Job): boolean {
  if (collectionError !== null) return false;
  return spec.output === '' || areThere(spec.output, published);
}

/** Whether the outputs would be the same files with the same content. */
function sameCollection(a: JobSpec, b: JobSpec): boolean {
  const chosen = ({ collect, order, keep, results, output }: JobSpec) =>
    JSON.stringify([collect, order, keep, results, output]);
  return chosen(a) === chosen(b);
}

/** @throws WindrowError INPUT_SCHEME_UNKNOWN */
function requireSchemes({ inputs }: JobSpec, schemes: ReadonlySet<string>): void {
  for (const { name, from } of inputs) {
    if (from.kind !== 'url' || from.version !== null) continue;
    const scheme = URL.parse(from.url)?.protocol.slice(0, -1) ?? '';
    if (schemes.has(scheme)) continue;
    const known = [...schemes].sort().join(', ') || 'none';
    throw serverErrors.create('INPUT_SCHEME_UNKNOWN', { input: name, scheme, known });
  }
}
