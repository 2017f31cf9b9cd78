import { setTimeout as delay } from 'node:timers/promises';
import { type Clock, WindrowError } from '#base';
import type { TaskCounts } from '#model';
import type { ApiClient, ApiEvent, JobSummary, Progress } from '#wire';

/** How a job stands, as far as someone who waits for it cares. */
export interface JobView {
  readonly job: number;
  readonly name: string;
  readonly state: JobSummary['state'];
  readonly reason: string;
  readonly rows: number;
  readonly counts: TaskCounts;
  readonly progress: Progress;
}

export interface WatchOptions {
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** A view comes at least this often, also when nothing happens. */
  readonly pollMs: number;
  /** Views that only tell of progress are left out. */
  readonly isQuiet: boolean;
  /** How long a server may be away, for instance to be restarted. */
  readonly giveUpMs: number;
}

const PAUSED_POLL_MS = 500;

/** Nothing more will happen by itself: it has ended, or is paused and all that is left is held. */
export function isSettled(view: Pick<JobView, 'state' | 'counts'>): boolean {
  if (view.state === 'done' || view.state === 'failed' || view.state === 'removed') return true;
  const { waiting, staging, running, checking, held } = view.counts;
  // A running job with nothing but held tasks has a policy that may release them.
  const isStill = waiting + staging + running + checking === 0;
  return view.state === 'paused' && held > 0 && isStill;
}

const AWAY = new Set([
  'SERVER_UNREACHABLE',
  'SERVER_CONNECTION_LOST',
  'SERVER_SILENT',
  'SERVER_REFUSED',
]);

/**
 * Views of a job as it changes, from the server's events; endless, so leave it when `isSettled`.
 * A server that goes away is waited for. Throws its last error when it stays away, and
 * EXCHANGE_ABORTED when `signal` is aborted.
 */
export async function* watchJob(
  client: ApiClient,
  job: number,
  options: WatchOptions,
): AsyncGenerator<JobView> {
  let awaySince: number | null = null;
  for (let attempt = 0; ; attempt++) {
    try {
      for await (const view of watchOnce(client, job, options)) {
        awaySince = null;
        attempt = 0;
        yield view;
      }
    } catch (error) {
      const away = error instanceof WindrowError && AWAY.has(error.code);
      awaySince ??= options.clock.monotonic();
      if (!away || options.clock.monotonic() - awaySince >= options.giveUpMs) throw error;
    }
    // Slower from try to try, so that a thousand waiting commands do not storm a starting server.
    await delay(Math.min(5000, 100 * 2 ** Math.min(attempt, 6)), undefined, options);
  }
}

/** One connection's views. The events are asked for first: what happens after the look is in them. */
async function* watchOnce(
  client: ApiClient,
  job: number,
  options: WatchOptions,
): AsyncGenerator<JobView> {
  const leaving = new AbortController();
  const signal = AbortSignal.any([options.signal, leaving.signal]);
  const query = options.isQuiet ? { job, kinds: 'job' } : { job };
  const events = await client.call('watchEvents', { query, signal });
  const iterator = events[Symbol.asyncIterator]();
  try {
    let view = await lookAt(client, job, options.signal);
    yield view;
    let coming = ahead(iterator);
    for (;;) {
      const event = await within(coming, pollMsOf(view, options));
      if (event?.done) return;
      if (event === undefined) view = await lookAt(client, job, options.signal);
      else {
        coming = ahead(iterator);
        view = changedBy(view, event.value);
      }
      yield view;
    }
  } finally {
    leaving.abort();
    await iterator.return?.().catch(() => {});
  }
}

/** That the last task of a paused job is held is told as progress, if at all. */
function pollMsOf(view: JobView, { isQuiet, pollMs }: WatchOptions): number {
  return isQuiet && view.state === 'paused' ? Math.min(pollMs, PAUSED_POLL_MS) : pollMs;
}

async function lookAt(client: ApiClient, job: number, signal: AbortSignal): Promise<JobView> {
  return await client.call('getJob', { params: { job }, signal });
}

function changedBy(view: JobView, event: ApiEvent): JobView {
  if (event.kind === 'progress' && event.job === view.job) {
    return { ...view, counts: event.counts, progress: event.progress };
  }
  if (event.kind === 'job' && event.job === view.job) {
    return { ...view, counts: event.counts, state: event.state, reason: event.reason };
  }
  return view;
}

/** The next event; its failure is nobody's concern when this side leaves first. */
function ahead<T>(iterator: AsyncIterator<T>): Promise<IteratorResult<T>> {
  const coming = iterator.next();
  coming.catch(() => {});
  return coming;
}

/** What `coming` resolves to, or undefined when that takes longer than `ms`; it may be asked again. */
async function within<T>(coming: Promise<T>, ms: number): Promise<T | undefined> {
  const over = new AbortController();
  const time = delay(ms, undefined, { signal: over.signal }).catch(() => undefined);
  try {
    return await Promise.race([coming, time]);
  } finally {
    over.abort();
  }
}
