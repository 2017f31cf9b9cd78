import { closeSync, fdatasync, openSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { messageOf } from '#base';
import type { JobId, SetAttribute, TaskChange, TaskIndex, Ticket } from '#model';
import type {
  AttemptRow,
  Change,
  CollectedRow,
  Glimpse,
  GlimpseField,
  Store,
  StoredEvent,
  StoredShare,
  TaskNote,
} from '../contract.ts';
import { storeErrors } from '../errors.ts';
import { addEnds, type EndedChange } from './ends.ts';
import { GlimpseReader } from './glimpse.ts';
import { explain, logFileOf, openDatabase } from './open.ts';
import { type Ask, prepareQuestions } from './questions.ts';
import {
  attemptOf,
  changeCells,
  changeOf,
  collectedOf,
  grantOf,
  jobCells,
  jobOf,
  noteOf,
  type Row,
  tableOf,
  workerOf,
} from './rows.ts';

const datasync = promisify(fdatasync);

/**
 * The store in one SQLite file: write-ahead log, every commit synced before it resolves. SQLite
 * itself (synchronous=NORMAL) syncs the log only around checkpoints; after each commit it is synced
 * here, which is all that FULL would add, but off the thread that has others to answer.
 */
export class SqliteStore implements Store {
  readonly #file: string;
  readonly #database: DatabaseSync;
  readonly #ask: Ask;
  readonly #glimpses: GlimpseReader;
  /** SQLite keeps one log file from its first transaction to its end. */
  readonly #log: number;

  /** @throws WindrowError STATE_IN_USE, STATE_NEWER, STATE_CORRUPT, STATE_UNWRITABLE */
  constructor(file: string) {
    this.#file = file;
    this.#database = openDatabase(file);
    this.#ask = prepareQuestions(this.#database);
    this.#glimpses = new GlimpseReader(this.#database);
    this.#log = openSync(logFileOf(file), 'r');
  }

  async commit(changes: readonly Change[]): Promise<void> {
    if (changes.length === 0) return;
    try {
      this.#database.exec('BEGIN IMMEDIATE');
      applyAll(this.#ask, changes);
      this.#database.exec('COMMIT');
    } catch (error) {
      this.#rollBack();
      throw explain(error, this.#file);
    }
    await this.#sync();
  }

  async #sync(): Promise<void> {
    try {
      await datasync(this.#log);
    } catch (error) {
      const facts = { file: logFileOf(this.#file), why: messageOf(error) };
      throw storeErrors.create('STATE_SYNC_FAILED', facts, { cause: error });
    }
  }

  /** A full disk may have rolled the transaction back already. */
  #rollBack(): void {
    if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
  }

  #all(question: string, ...parameters: (string | number)[]): Row[] {
    try {
      return this.#ask(question).all(...parameters) as Row[];
    } catch (error) {
      throw explain(error, this.#file);
    }
  }

  async jobs() {
    return this.#all('jobs').map(jobOf);
  }

  async tables() {
    return this.#all('tables').map(tableOf);
  }

  async grants() {
    return this.#all('grants').map(grantOf);
  }

  async workers() {
    return this.#all('workers').map(workerOf);
  }

  async shares() {
    return this.#all('shares') as unknown as StoredShare[];
  }

  async nextTicket(): Promise<number> {
    return (this.#all('counter', 'next-ticket')[0]?.value as number | undefined) ?? 1;
  }

  async lastSequence(): Promise<number> {
    return this.#all('last-sequence')[0]!.value as number;
  }

  async states(job: JobId) {
    return this.#all('states', job) as unknown as { segment: number; bytes: Uint8Array }[];
  }

  async statistics(job: JobId) {
    const row = this.#all('statistics', job)[0];
    return row ? (row as { through: number; json: string }) : null;
  }

  async notes(job: JobId, from: TaskIndex, limit: number): Promise<TaskNote[]> {
    return this.#all('notes', job, from, limit).map(noteOf);
  }

  async note(job: JobId, task: TaskIndex): Promise<TaskNote | null> {
    const row = this.#all('note', job, task)[0];
    return row ? noteOf(row) : null;
  }

  async attributesOf(job: JobId, task: TaskIndex): Promise<SetAttribute[]> {
    return this.#all('attributes-of-task', job, task) as unknown as SetAttribute[];
  }

  async attemptsOfTask(job: JobId, task: TaskIndex): Promise<AttemptRow[]> {
    return this.#all('attempts-of-task', job, task).map(attemptOf);
  }

  async endedTickets(job: JobId, first: TaskIndex, count: number): Promise<Ticket[]> {
    return this.#all('ended-tickets', job, first, first + count).map(
      ({ ticket }) => ticket as Ticket,
    );
  }

  async attemptsAfter(job: JobId, sequence: number, limit: number): Promise<AttemptRow[]> {
    return this.#all('attempts-after', sequence, job, limit).map(attemptOf);
  }

  async attemptsBefore(job: JobId | null, sequence: number, limit: number): Promise<AttemptRow[]> {
    const rows =
      job === null
        ? this.#all('attempts-before', sequence, limit)
        : this.#all('attempts-of-job-before', sequence, job, limit);
    return rows.map(attemptOf);
  }

  async glimpsesBefore(
    job: JobId | null,
    sequence: number,
    limit: number,
    fields: readonly GlimpseField[],
  ): Promise<Glimpse[]> {
    try {
      return this.#glimpses.before(job, sequence, limit, fields);
    } catch (error) {
      throw explain(error, this.#file);
    }
  }

  async attemptAt(sequence: number): Promise<AttemptRow | null> {
    const row = this.#all('attempt-at', sequence)[0];
    return row ? attemptOf(row) : null;
  }

  async changesAfter(job: JobId, sequence: number, limit: number): Promise<TaskChange[]> {
    return this.#all('changes-after', sequence, job, limit).map(changeOf);
  }

  async eventLogs() {
    return this.#all('event-logs') as unknown as { path: string; through: number; bytes: number }[];
  }

  async massChanges(job: JobId): Promise<TaskChange[]> {
    return this.#all('mass-changes', job).map(changeOf);
  }

  async lostAttempts(job: JobId, limit: number): Promise<AttemptRow[]> {
    return this.#all('lost-attempts', job, limit).map(attemptOf);
  }

  async collectedByTask(job: JobId, after: TaskIndex, limit: number): Promise<CollectedRow[]> {
    return this.#all('collected-by-task', job, after, limit).map(collectedOf);
  }

  async collectedByEnd(job: JobId, sequence: number, limit: number): Promise<CollectedRow[]> {
    return this.#all('collected-by-end', sequence, job, limit).map(collectedOf);
  }

  async reuses(job: JobId, home: JobId): Promise<boolean> {
    return this.#all('reuses', home, job).length > 0;
  }

  async forget(job: JobId, limit: number): Promise<boolean> {
    // Later ends are numbered on from here, also when the last ones are deleted.
    const last = await this.lastSequence();
    try {
      this.#database.exec('BEGIN IMMEDIATE');
      this.#ask('set-counter').run('last-sequence', last);
      const attempts = this.#ask('forget-attempts').run(job, limit).changes;
      const notes = this.#ask('forget-notes').run(job, job, limit).changes;
      const changes = this.#ask('forget-changes').run(job, limit).changes;
      this.#ask('forget-attributes').run(job);
      this.#database.exec('COMMIT');
      return Number(attempts) + Number(notes) + Number(changes) > 0;
    } catch (error) {
      this.#rollBack();
      throw explain(error, this.#file);
    }
  }

  async events(after: number, job: JobId | null, limit: number): Promise<StoredEvent[]> {
    const rows =
      job === null
        ? this.#all('events', after, limit)
        : this.#all('events-of-job', job, after, limit);
    return rows as unknown as StoredEvent[];
  }

  async latestEvents(job: JobId, limit: number): Promise<StoredEvent[]> {
    const rows = this.#all('latest-events-of-job', job, limit);
    return rows.reverse() as unknown as StoredEvent[];
  }

  async close(): Promise<void> {
    this.#database.close();
    closeSync(this.#log);
  }
}

/** In their order, but for ends of attempts that follow each other. */
function applyAll(ask: Ask, changes: readonly Change[]): void {
  let ends: EndedChange[] = [];
  for (const change of changes) {
    if (change.kind === 'attempt-ended') {
      ends.push(change);
      continue;
    }
    if (ends.length > 0) addEnds(ask, ends);
    ends = [];
    apply(ask, change);
  }
  if (ends.length > 0) addEnds(ask, ends);
}

function apply(ask: Ask, change: Exclude<Change, EndedChange>): void {
  switch (change.kind) {
    case 'states':
      ask('set-states').run(change.job, change.segment, change.bytes);
      return;
    case 'granted': {
      const { firstTicket, job, worker, workerName, tasks, grantedAtMs } = change.grant;
      const runs = JSON.stringify(tasks);
      ask('add-grant').run(firstTicket, job, worker, workerName, runs, grantedAtMs);
      ask('set-counter').run('next-ticket', change.nextTicket);
      return;
    }
    case 'grant-closed':
      ask('close-grant').run(change.firstTicket);
      return;
    case 'tasks-changed':
      ask('add-change').run(...changeCells(change.change));
      return;
    case 'event-log':
      ask('set-event-log').run(change.path, change.through, change.bytes);
      return;
    case 'note':
      ask('set-note').run(change.note.job, change.note.task, JSON.stringify(change.note));
      return;
    case 'attribute-set': {
      const { name, expression } = change.attribute;
      ask('set-attribute').run(change.job, change.task, name.toLowerCase(), name, expression);
      return;
    }
    case 'note-cleared':
      ask('clear-note').run(change.job, change.task);
      return;
    case 'results-end':
      ask('set-results-end').run(change.segment, change.bytes, change.job);
      return;
    case 'attempt-redeemed':
      ask('forget-attempt').run(change.job, change.task, change.ticket);
      return;
    case 'statistics':
      ask('set-statistics').run(change.job, change.through, change.json);
      return;
    case 'event':
      ask('add-event').run(change.atMs, change.job, change.event, change.actor, change.text);
      return;
    case 'worker': {
      const { id, name, platform, slots, firstSeenMs, lastSeenMs, awayMs } = change.worker;
      ask('set-worker').run(id, name, platform, slots, firstSeenMs, lastSeenMs, awayMs);
      return;
    }
    case 'share': {
      const { owner, averageCpus, atMs } = change.share;
      ask('set-share').run(owner, averageCpus, atMs);
      return;
    }
    case 'share-forgotten':
      ask('forget-share').run(change.owner);
      return;
    case 'worker-ordered':
      ask('order-worker').run(change.order && JSON.stringify(change.order), change.worker);
      return;
    case 'table-added': {
      const { id, format, file, rows, columns, addedAtMs } = change.table;
      ask('add-table').run(id, format, file, rows, JSON.stringify(columns), addedAtMs);
      return;
    }
    case 'job-added':
      ask('add-job').run(...jobCells(change.job));
      return;
    case 'job-state':
      ask('set-job-state').run(change.state, change.reason, change.actor, change.atMs, change.job);
      return;
    case 'job-spec':
      ask('set-job-spec').run(JSON.stringify(change.spec), change.job);
      return;
    case 'job-emptied':
      ask('set-job-emptied').run(change.job);
      return;
    case 'job-collected':
      ask('set-job-collected').run(change.atMs, JSON.stringify(change.published), change.job);
      return;
  }
}
