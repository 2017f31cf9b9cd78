/**
 * What one action has still to do, one after the other: bounded in number and rate. What fails in
 * passing is tried again; what is over the rate is counted, and told with the next that goes.
 */
import { type Clock, messageOf, pause } from '#base';
import type { RuleEvent } from './event-ad.ts';

export interface Action {
  /** For messages: `post to https://…`. */
  readonly what: string;
  /**
   * @param leftOut events before this one of which nothing was said
   * @throws an error with `isFinal` where trying again is of no use
   */
  act(event: RuleEvent, leftOut: number, signal: AbortSignal): Promise<void>;
}

/** Trying again is of no use. */
export class FinalFailure extends Error {}

const QUEUE_MOST = 100;
const MINUTE_MS = 60_000;
const RETRY_DELAYS_MS = [1000, 4000, 16_000, 64_000];

export interface OutboxOptions {
  readonly action: Action;
  readonly mostPerMinute: number;
  readonly clock: Clock;
  readonly onFailure: (what: string, reason: string) => void;
  /** Between tries; another in tests. */
  readonly retryDelaysMs?: readonly number[];
}

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #closing = new AbortController();
  readonly #queue: { readonly event: RuleEvent; readonly leftOut: number }[] = [];
  /** When the latest were put in, at most as many as a minute may have. */
  readonly #times: number[] = [];
  #leftOut = 0;
  #running: Promise<void> | null = null;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Never throws, and returns at once. */
  put(event: RuleEvent): void {
    if (this.#closing.signal.aborted) return;
    if (!this.#hasRoom()) {
      this.#leftOut++;
      return;
    }
    this.#queue.push({ event, leftOut: this.#leftOut });
    this.#leftOut = 0;
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
    });
  }

  /** What was not done is given up. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#queue.length = 0;
    await this.#running;
  }

  #hasRoom(): boolean {
    if (this.#queue.length >= QUEUE_MOST) return false;
    const nowMs = this.#options.clock.monotonic();
    if (this.#times.length >= this.#options.mostPerMinute) {
      if (nowMs - this.#times[0]! < MINUTE_MS) return false;
      this.#times.shift();
    }
    this.#times.push(nowMs);
    return true;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    // What is put in by the same turn of the event loop is not acted on within it.
    await new Promise((resolve) => setImmediate(resolve));
    for (let next = this.#queue.shift(); next && !signal.aborted; next = this.#queue.shift()) {
      await this.#act(next.event, next.leftOut);
    }
  }

  async #act(event: RuleEvent, leftOut: number): Promise<void> {
    const { action, onFailure, retryDelaysMs = RETRY_DELAYS_MS } = this.#options;
    const { signal } = this.#closing;
    for (let tries = 0; !signal.aborted; tries++) {
      try {
        return await action.act(event, leftOut, signal);
      } catch (error) {
        if (signal.aborted) return;
        const delayMs = error instanceof FinalFailure ? undefined : retryDelaysMs[tries];
        if (delayMs === undefined) return onFailure(action.what, messageOf(error));
        await pause(delayMs, signal);
      }
    }
  }
}
