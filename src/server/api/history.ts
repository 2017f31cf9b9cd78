/** Attempts that have ended, of all jobs, the latest first. */
import type { Ad } from '#classad';
import { type TaskFacts, taskAd } from '#model';
import type { AttemptRow, Store } from '#store';
import type { ApiHandlers, HistoryRecord } from '#wire';
import { adOfJob } from '../ads/facts.ts';
import { sieveOf, sift, toldOf } from '../ads/sieve.ts';
import type { Core } from '../core.ts';
import { viewOfEnded } from './attempt-view.ts';
import { type ApiParts, jobOf } from './parts.ts';

const PAGE = 2000;

export function historyHandlers(parts: ApiParts): Pick<ApiHandlers, 'readHistory'> {
  const { core, store } = parts;
  return {
    async readHistory({ query }) {
      const job = query.job === undefined ? null : jobOf(core, query.job).id;
      const sieve = sieveOf(query, core.ambient);
      await core.commit.readable();
      return tell(core, pagesOf(store, job), sieve, query.limit ?? Number.POSITIVE_INFINITY);
    },
  };
}

async function* tell(
  core: Core,
  pages: AsyncIterable<readonly AttemptRow[]>,
  sieve: ReturnType<typeof sieveOf>,
  limit: number,
): AsyncGenerator<HistoryRecord> {
  let left = limit;
  if (left <= 0) return;
  for await (const { item, ad } of sift(sieve, pages, (row) => adOfRecord(core, row))) {
    const name = core.jobs.get(item.job)?.spec.name ?? '';
    const told = toldOf(sieve, ad);
    const attempt = viewOfEnded(item);
    yield { job: item.job, name, attempt, ...(told !== undefined && { ad: told }) };
    left--;
    if (left <= 0) return;
  }
}

async function* pagesOf(store: Store, job: number | null): AsyncGenerator<readonly AttemptRow[]> {
  for (let before = Number.MAX_SAFE_INTEGER; ; ) {
    const page = await store.attemptsBefore(job, before, PAGE);
    yield page;
    if (page.length < PAGE) return;
    before = page.at(-1)!.sequence;
  }
}

/** The task as it was when the attempt had ended. */
function adOfRecord(core: Core, row: AttemptRow): Ad {
  const job = core.jobs.get(row.job);
  const facts: TaskFacts = {
    ...{ job: row.job, task: row.task, state: row.next ?? 'failed', stateAtMs: row.endedAtMs },
    ...{ reason: row.reason, hold: null, holds: 0, lastHold: null, completions: 0 },
    ...{ attempts: row.number, attempt: row },
  };
  return taskAd(facts, job ? adOfJob(job) : null);
}
