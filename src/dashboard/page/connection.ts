/**
 * The one connection of the page: the server's events as they happen, and a look at the server every
 * few seconds, which also tells whether it is still there. What happens is only a hint to ask anew:
 * what is shown was always answered, so nothing has to be caught up with.
 */
import type { ApiEvent, Progress, ServerView } from '#wire';
import { ask, pieces, type Refusal, send } from './ask.ts';
import { EventLines } from './event-lines.ts';

export type Link =
  /** `by`: how news come; `polls` where something on the way keeps events back. */
  | { readonly kind: 'live'; readonly by: 'events' | 'polls' }
  | { readonly kind: 'connecting' }
  /** What is shown is as of `sinceMs`; null: there was never an answer. */
  | { readonly kind: 'away'; readonly sinceMs: number | null; readonly why: string }
  | { readonly kind: 'locked'; readonly why: string };

export interface Standing {
  readonly link: Link;
  readonly server: ServerView | null;
  /** Another each time that all must be asked anew. */
  readonly round: number;
}

/** Also the longest time that a stand-still of the network stays unnoticed, with the answer's. */
const LOOK_MS = 5000;
/** The server sends something every 15 s. */
const SILENCE_MS = 40_000;
const BACKOFF_MS = [500, 15_000] as const;
const PROGRESS_KEPT = 500;

export class Connection {
  /** Of jobs that move, as events told it last. */
  readonly progress = new Map<number, Progress>();
  #standing: Standing = { link: { kind: 'connecting' }, server: null, round: 0 };
  readonly #watchers = new Set<() => void>();
  readonly #listeners = new Set<(event: ApiEvent) => void>();
  #heardMs: number | null = null;
  #isStreaming = false;
  #ended = new AbortController();
  /** Ends the pause before the next look. */
  #lookNow = (): void => {};
  #failures = 0;

  get standing(): Standing {
    return this.#standing;
  }

  /** @returns how to leave */
  watch(onChange: () => void): () => void {
    this.#watchers.add(onChange);
    return () => void this.#watchers.delete(onChange);
  }

  /** @returns how to leave */
  listen(onEvent: (event: ApiEvent) => void): () => void {
    this.#listeners.add(onEvent);
    return () => void this.#listeners.delete(onEvent);
  }

  /** With the token that is kept now. Goes on until `end`, or until the token is refused. */
  begin(): void {
    this.#ended.abort();
    const ended = new AbortController();
    this.#ended = ended;
    this.#failures = 0;
    this.#change({ link: { kind: 'connecting' } });
    void this.#follow(ended.signal);
    void this.#look(ended.signal);
  }

  end(): void {
    this.#ended.abort();
  }

  async #look(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const server = await ask<ServerView>('/v1/server', { signal });
        if (!signal.aborted) this.#heard(server);
      } catch (error) {
        if (!signal.aborted) this.#failed(error as Refusal);
      }
      const next = new AbortController();
      this.#lookNow = () => next.abort();
      const waitMs = this.#failures > 0 ? this.#backoffMs() : LOOK_MS;
      await pause(waitMs, AbortSignal.any([signal, next.signal]));
    }
  }

  /** Events until they end; then again. A failure says nothing that the next look does not. */
  async #follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#stream(signal).catch(() => {});
      if (this.#isStreaming) this.#lookNow();
      this.#isStreaming = false;
      await pause(this.#backoffMs(), signal);
    }
  }

  async #stream(signal: AbortSignal): Promise<void> {
    const silence = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const heard = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE_MS);
    };
    heard();
    try {
      const signals = AbortSignal.any([signal, silence.signal]);
      const answer = await send('/v1/events', { signal: signals }, 0);
      const events = new EventLines();
      for await (const piece of pieces(answer)) {
        heard();
        this.#isStreaming = true;
        for (const data of events.take(piece)) this.#tell(JSON.parse(data) as ApiEvent);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  #tell(event: ApiEvent): void {
    if (event.kind === 'progress') this.#keep(event.job, event.progress);
    for (const listener of this.#listeners) listener(event);
  }

  #keep(job: number, progress: Progress): void {
    this.progress.delete(job);
    this.progress.set(job, progress);
    if (this.progress.size > PROGRESS_KEPT) this.progress.delete([...this.progress.keys()][0]!);
  }

  #heard(server: ServerView): void {
    this.#heardMs = Date.now();
    this.#failures = 0;
    const { link } = this.#standing;
    const isBack = link.kind !== 'live';
    const by = this.#isStreaming ? 'events' : 'polls';
    // Without events every look is a reason to ask all anew.
    const round = this.#standing.round + (isBack || by === 'polls' ? 1 : 0);
    this.#change({ link: { kind: 'live', by }, server, round });
  }

  #failed({ status, message }: Refusal): void {
    this.#failures++;
    if (status === 401 || status === 429) {
      this.end();
      this.#change({ link: { kind: 'locked', why: message } });
    } else {
      this.#change({ link: { kind: 'away', sinceMs: this.#heardMs, why: message } });
    }
  }

  /** Slower from failure to failure, and no two pages at the same moment. */
  #backoffMs(): number {
    const [least, most] = BACKOFF_MS;
    return Math.min(most, least * 2 ** Math.min(this.#failures, 6)) * (0.5 + Math.random() / 2);
  }

  #change(change: Partial<Standing>): void {
    this.#standing = { ...this.#standing, ...change };
    for (const watcher of this.#watchers) watcher();
  }
}

/** Ends early with `signal`, and when the tab is shown again or the network is back. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', wake);
      document.removeEventListener('visibilitychange', onShown);
      removeEventListener('online', wake);
      resolve();
    };
    const onShown = (): void => {
      if (!document.hidden) wake();
    };
    const timer = setTimeout(wake, ms);
    signal.addEventListener('abort', wake);
    document.addEventListener('visibilitychange', onShown);
    addEventListener('online', wake);
  });
}
