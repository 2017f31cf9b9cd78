/** Attempts that have ended, of all jobs, the latest first. */
import { type Ad, adOfValues } from '#classad';
import { type TaskFacts, taskAd } from '#model';
import type { AttemptRow, Glimpse, GlimpseField, Store } from '#store';
import type { ApiHandlers, HistoryRecord } from '#wire';
import { commandAd } from '../ads/command-ad.ts';
import { adOfJob, adWithSet, type OwnAttributes, ownAttributes } from '../ads/facts.ts';
import { needsOf } from '../ads/history-fields.ts';
import { type Sieve, sieveOf, sift, toldOf } from '../ads/sieve.ts';
import type { Core, Job } from '../core.ts';
import { mayHaveSet } from '../set-attributes.ts';
import { viewOfEnded } from './attempt-view.ts';
import { type ApiParts, jobOf } from './parts.ts';

const PAGE = 2000;
const NOTHING: Ad = adOfValues({});

export function historyHandlers(parts: ApiParts): Pick<ApiHandlers, 'readHistory'> {
  const { core } = parts;
  return {
    async readHistory({ query }) {
      const job = query.job === undefined ? null : jobOf(core, query.job);
      const sieve = sieveOf(query, core.ambient);
      await core.commit.readable();
      const most = query.limit ?? Number.POSITIVE_INFINITY;
      return atMost(most, sieve.constraint ? sifted(parts, sieve, job) : all(parts, sieve, job));
    },
  };
}

async function* atMost<Item>(most: number, items: AsyncIterable<Item>): AsyncGenerator<Item> {
  let left = most;
  if (left <= 0) return;
  for await (const item of items) {
    yield item;
    left--;
    if (left <= 0) return;
  }
}

async function* all(
  { core, store }: ApiParts,
  sieve: Sieve,
  job: Job | null,
): AsyncGenerator<HistoryRecord> {
  const pages = pagesOf((before) => store.attemptsBefore(job?.id ?? null, before, PAGE));
  for await (const { item } of sift(sieve, pages, () => NOTHING)) {
    yield await recordOf(core, store, sieve, item);
  }
}

/** What does not fit is not read whole. */
async function* sifted(
  { core, store }: ApiParts,
  sieve: Sieve,
  job: Job | null,
): AsyncGenerator<HistoryRecord> {
  const { fields, set } = needsOf(sieve.constraint!, job ? [job] : core.jobs.values());
  const pages = glimpses(core, store, job, fields, set);
  for await (const { item } of sift(sieve, pages, (seen) => adOfEnd(core, seen.end, seen.own))) {
    const row = await store.attemptAt(item.end.sequence);
    // Its job may have been removed a moment ago.
    if (row) yield await recordOf(core, store, sieve, row);
  }
}

interface Seen {
  readonly end: Glimpse;
  readonly own: OwnAttributes | null;
}

async function* glimpses(
  core: Core,
  store: Store,
  job: Job | null,
  fields: readonly GlimpseField[],
  looksAtSet: boolean,
): AsyncGenerator<readonly Seen[]> {
  const read = (before: number) => store.glimpsesBefore(job?.id ?? null, before, PAGE, fields);
  for await (const page of pagesOf(read)) {
    const seen: Seen[] = [];
    for (const end of page) {
      seen.push({ end, own: looksAtSet ? await setBy(core, store, end) : null });
    }
    yield seen;
  }
}

async function* pagesOf<Row extends { readonly sequence: number }>(
  read: (before: number) => Promise<readonly Row[]>,
): AsyncGenerator<readonly Row[]> {
  for (let before = Number.MAX_SAFE_INTEGER; ; ) {
    const page = await read(before);
    yield page;
    if (page.length < PAGE) return;
    before = page.at(-1)!.sequence;
  }
}

/** What programs of the task have set, where its job lets them. */
function setBy(
  core: Core,
  store: Store,
  { job, task }: Pick<Glimpse, 'job' | 'task'>,
): OwnAttributes | null | Promise<OwnAttributes | null> {
  const of = core.jobs.get(job);
  if (!of || !mayHaveSet(of)) return null;
  return store.attributesOf(job, task).then(ownAttributes);
}

async function recordOf(
  core: Core,
  store: Store,
  sieve: Sieve,
  row: AttemptRow,
): Promise<HistoryRecord> {
  const name = core.jobs.get(row.job)?.spec.name ?? '';
  const record = { job: row.job, name, attempt: viewOfEnded(row) };
  if (sieve.attributes === null) return record;
  const told = toldOf(sieve, adOfEnd(core, row, await setBy(core, store, row)));
  return { ...record, ...(told !== undefined && { ad: told }) };
}

/** The task as it was when the attempt had ended. */
function adOfEnd(core: Core, end: Glimpse, own: OwnAttributes | null): Ad {
  const job = core.jobs.get(end.job);
  const facts: TaskFacts = {
    ...{ job: end.job, task: end.task, state: end.next ?? 'failed', stateAtMs: end.endedAtMs },
    ...{ reason: end.reason, hold: null, holds: 0, lastHold: null, completions: 0, asked: null },
    ...{ attempts: end.number, attempt: end },
  };
  return taskAd(facts, job ? commandAd(job, end.task, adWithSet(adOfJob(job), own)) : null);
}
