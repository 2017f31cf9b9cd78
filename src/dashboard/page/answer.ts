/** Answers that are kept fresh while somebody looks at them. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { ApiEvent } from '#wire';
import { ask, type Refusal } from './ask.ts';
import { useConnection, useStanding } from './hooks.ts';

/** However much happens, a view is asked for again this often at most. */
const AGAIN_MS = 1000;

export interface Answered<T> {
  /** The latest; undefined before the first. It stays when a later question fails. */
  readonly value: T | undefined;
  readonly refusal: Refusal | null;
  /** Asks again, after a change. */
  readonly again: () => void;
}

interface Known<T> {
  readonly key: string;
  readonly value?: T;
  readonly refusal: Refusal | null;
}

export interface Freshness<T> {
  /** Whether the answer may be another one after this. */
  readonly concerns: (event: ApiEvent) => boolean;
  /** For what changes without an event. */
  readonly everyMs?: number;
  /** GET of the key, if not given. */
  readonly question?: (signal: AbortSignal) => Promise<T>;
}

/**
 * The answer to a question, asked again when the connection comes back, and when what has happened
 * may have changed it.
 * @param key what is asked: another key forgets the answer
 */
export function useAnswer<T>(key: string, freshness: Freshness<T>): Answered<T> {
  const { everyMs } = freshness;
  const connection = useConnection();
  const { round } = useStanding();
  const [known, setKnown] = useState<Known<T>>({ key, refusal: null });
  const latest = useRef(freshness);
  latest.current = freshness;
  const asking = useRef<Asking | null>(null);

  useEffect(() => {
    const one = new Asking(
      (signal) => latest.current.question?.(signal) ?? ask(key, { signal }),
      (value) => setKnown({ key, value: value as T, refusal: null }),
      (refusal) => setKnown((old) => ({ ...(old.key === key ? old : { key }), refusal })),
    );
    asking.current = one;
    const leave = connection.listen((event) => {
      if (latest.current.concerns(event)) one.later();
    });
    const timer = everyMs && setInterval(() => one.later(), everyMs);
    return () => {
      clearInterval(timer);
      leave();
      one.end();
    };
  }, [key, connection, everyMs]);

  useEffect(() => asking.current?.now(), [round, key]);

  const { value, refusal } = known.key === key ? known : { value: undefined, refusal: null };
  return { value, refusal, again: () => asking.current?.now() };
}

/** One question at a time, again when it was asked for meanwhile; not while nobody sees the page. */
class Asking {
  readonly #question: (signal: AbortSignal) => Promise<unknown>;
  readonly #onValue: (value: unknown) => void;
  readonly #onRefusal: (refusal: Refusal) => void;
  readonly #leaving = new AbortController();
  #isAsking = false;
  #isDue = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    question: (signal: AbortSignal) => Promise<unknown>,
    onValue: (value: unknown) => void,
    onRefusal: (refusal: Refusal) => void,
  ) {
    this.#question = question;
    this.#onValue = onValue;
    this.#onRefusal = onRefusal;
    document.addEventListener('visibilitychange', this.#onShown);
  }

  readonly #onShown = (): void => {
    if (!document.hidden && this.#isDue) this.now();
  };

  now(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#isAsking) this.#isDue = true;
    else void this.#ask();
  }

  later(): void {
    if (this.#isAsking || document.hidden) this.#isDue = true;
    else this.#timer ??= setTimeout(() => this.now(), AGAIN_MS);
  }

  end(): void {
    this.#leaving.abort();
    clearTimeout(this.#timer);
    document.removeEventListener('visibilitychange', this.#onShown);
  }

  async #ask(): Promise<void> {
    const { signal } = this.#leaving;
    this.#isAsking = true;
    this.#isDue = false;
    try {
      const value = await this.#question(signal);
      if (!signal.aborted) this.#onValue(value);
    } catch (error) {
      if (!signal.aborted) this.#onRefusal(error as Refusal);
    }
    this.#isAsking = false;
    if (this.#isDue && !signal.aborted) this.later();
  }
}
