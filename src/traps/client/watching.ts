/** Watches collectors, each by itself: one that is away keeps nobody from seeing the others. */
import { messageOf, pause } from '#base';
import type { CollectorClient } from './collector-client.ts';
import type { CollectorView } from './view-schema.ts';

export interface WatchedCollector {
  readonly url: string;
  /** The latest that it said; null: it was never reached. */
  readonly view: CollectorView | null;
  /** Why it is not reached now; null: it is. */
  readonly away: string | null;
}

/** One that hangs is told of after this and the patience of a request. */
const WAIT_MS = 10_000;
const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 10_000;

/**
 * Calls `onNews` whenever a collector says something new, goes or comes back, until `signal` is
 * aborted. @param random from 0 to 1: those who lost a collector do not come back all at once
 */
export async function watchCollectors(
  clients: readonly CollectorClient[],
  onNews: (collectors: readonly WatchedCollector[], changed: WatchedCollector) => void,
  signal: AbortSignal,
  random: () => number = Math.random,
): Promise<void> {
  const collectors: WatchedCollector[] = clients.map(({ url }) => ({
    url,
    view: null,
    away: null,
  }));
  await Promise.all(
    clients.map(async (client, index) => {
      const change = (news: Partial<WatchedCollector>): void => {
        collectors[index] = { ...collectors[index]!, ...news };
        onNews(collectors, collectors[index]);
      };
      await watchOne(client, () => collectors[index]!, change, signal, random);
    }),
  );
}

async function watchOne(
  client: CollectorClient,
  now: () => WatchedCollector,
  change: (news: Partial<WatchedCollector>) => void,
  signal: AbortSignal,
  random: () => number,
): Promise<void> {
  for (let failures = 0; !signal.aborted; ) {
    try {
      const { view, away } = now();
      // One that was away is asked at once: it may be another one by now.
      const fresh = await client.view(view, away === null ? WAIT_MS : 0, signal);
      if (fresh) change({ view: fresh, away: null });
      else if (away !== null) change({ away: null });
      failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      if (now().away === null) change({ away: messageOf(error) });
      const longestMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures++);
      await pause(longestMs * (0.5 + random() / 2), signal);
    }
  }
}
