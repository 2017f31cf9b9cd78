/** What happened to the tasks of jobs, from the store, in one order. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { JobId, TaskChange } from '#model';
import type { AttemptRow, Store } from '#store';
import type { LifeEntry } from '#wire';
import { viewOfEnded } from '../api/attempt-view.ts';
import type { Job } from '../core.ts';

const PAGE = 1000;

/**
 * Entries of one job after `after`.
 * @param upTo the last one to tell: all up to it are durable, or what is committed between two reads
 *   would be passed over
 */
export async function* lifeOf(
  store: Store,
  job: Job,
  after: number,
  upTo: number,
): AsyncGenerator<LifeEntry> {
  const isKept = job.spec.eventLog !== null;
  if (!isKept && after < 1) yield submissionOf(job);
  const changes = pages((from) => store.changesAfter(job.id, from, PAGE), after, upTo);
  const attempts = pages((from) => store.attemptsAfter(job.id, from, PAGE), after, upTo);
  let change = await changes.next();
  let attempt = await attempts.next();
  while (!change.done || !attempt.done) {
    const isChange =
      attempt.done || (!change.done && change.value.sequence < attempt.value.sequence);
    if (isChange) {
      yield entryOfChange(change.value as TaskChange);
      change = await changes.next();
    } else {
      const row = attempt.value as AttemptRow;
      // Where starts are not kept, an end tells of its start too.
      if (!isKept && row.reusedFrom === null) yield startOf(row);
      yield await entryOfEnd(store, job, row);
      attempt = await attempts.next();
    }
  }
}

/** Entries of several jobs, merged. */
export async function* lifeOfAll(
  store: Store,
  jobs: readonly Job[],
  after: number,
  upTo: number,
): AsyncGenerator<LifeEntry> {
  const streams = jobs.map((job) => lifeOf(store, job, after, upTo));
  const heads = await Promise.all(streams.map((stream) => stream.next()));
  for (;;) {
    let first = -1;
    heads.forEach((head, index) => {
      if (head.done) return;
      const best = heads[first];
      if (!best || best.done || head.value.sequence < best.value.sequence) first = index;
    });
    const head = heads[first];
    if (!head || head.done) return;
    yield head.value;
    heads[first] = await streams[first]!.next();
  }
}

async function* pages<Item extends { readonly sequence: number }>(
  read: (from: number) => Promise<Item[]>,
  after: number,
  upTo: number,
): AsyncGenerator<Item, undefined> {
  for (let from = after; ; ) {
    const page = await read(from);
    for (const item of page) {
      if (item.sequence > upTo) return undefined;
      yield item;
    }
    if (page.length < PAGE) return undefined;
    from = page.at(-1)!.sequence;
    // Reading is synchronous; leases are renewed in between.
    await nextTurn();
  }
}

const NOTHING = { actor: '', reason: '', hold: null, host: '', attempt: null, request: null };

function submissionOf(job: Job): LifeEntry {
  return {
    ...NOTHING,
    ...{ sequence: 0, atMs: job.submittedAtMs, job: job.id, kind: 'submitted', total: null },
    tasks: [{ first: 0, count: job.tasks.rows }],
    actor: 'user',
  };
}

function entryOfChange(change: TaskChange): LifeEntry {
  const { sequence, atMs, job, kind, actor, reason, hold, worker } = change;
  const tasks = change.tasks.map(([first, count]) => ({ first, count }));
  return {
    ...NOTHING,
    sequence,
    atMs,
    job,
    kind,
    tasks,
    actor,
    reason,
    hold,
    host: worker,
    total: null,
  };
}

function startOf({ sequence, startedAtMs, job, task, worker }: AttemptRow): LifeEntry {
  const place = { sequence, atMs: startedAtMs, job, tasks: [{ first: task, count: 1 }] };
  return { ...NOTHING, ...place, kind: 'started', actor: 'server', host: worker, total: null };
}

async function entryOfEnd(store: Store, job: Job, row: AttemptRow): Promise<LifeEntry> {
  const { cpus, memoryBytes, diskBytes } = job.spec.request;
  const { sequence, endedAtMs: atMs, task, worker } = row;
  return {
    ...NOTHING,
    ...{
      sequence,
      atMs,
      job: job.id,
      kind: 'ended',
      tasks: [{ first: task, count: 1 }],
      reason: row.reason,
    },
    actor: worker,
    host: worker,
    attempt: viewOfEnded(row),
    request: { cpus, memoryBytes, diskBytes },
    total: row.number > 1 ? await totalOf(store, job.id, row) : null,
  };
}

async function totalOf(store: Store, job: JobId, { task, sequence }: AttemptRow) {
  const total = { cpuUserMs: 0, cpuSystemMs: 0 };
  for (const attempt of await store.attemptsOfTask(job, task)) {
    if (attempt.sequence > sequence) break;
    total.cpuUserMs += attempt.usage.cpuUserMs ?? 0;
    total.cpuSystemMs += attempt.usage.cpuSystemMs ?? 0;
  }
  return total;
}
