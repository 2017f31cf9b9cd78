/** The view of those who watch: everything that is kept, once it differs from what they have. */
import type { IncomingMessage } from 'node:http';
import type { Collector } from '../collector/collector.ts';
import type { JsonAnswer, JsonDeskParts } from './json-desk.ts';

const WAIT_MOST_MS = 60_000;
/** Changes are told this often at most, and only looked for while somebody waits. */
const LOOK_MS = 250;
const WAITING_MOST = 1000;

interface Waiting {
  readonly revision: number;
  readonly endsMs: number;
  readonly resolve: () => void;
}

export class ViewDesk {
  readonly #parts: JsonDeskParts;
  readonly #waiting = new Set<Waiting>();
  #timer: NodeJS.Timeout | null = null;
  #made: { readonly revision: number; readonly json: string } | null = null;

  constructor(parts: JsonDeskParts) {
    this.#parts = parts;
  }

  /**
   * `{"life": …, "revision": n, "waitMs": ms}`: what the asker has, and how long it waits for
   * something newer. Without a newer revision the answer is `{"unchanged": true}`.
   */
  async answer(json: unknown, request: IncomingMessage): Promise<JsonAnswer> {
    const { life, revision, waitMs } = (json ?? {}) as Record<string, unknown>;
    const { collector } = this.#parts;
    const isKnown = life === this.#parts.life && revision === collector.revision;
    if (isKnown && Number(waitMs) > 0) {
      await this.#change(collector.revision, Math.min(Number(waitMs), WAIT_MOST_MS), request);
    }
    if (isKnown && revision === collector.revision) {
      return { status: 200, json: `{"life":"${this.#parts.life}","unchanged":true}` };
    }
    return { status: 200, json: this.#view(collector) };
  }

  close(): void {
    for (const { resolve } of this.#waiting) resolve();
    this.#waiting.clear();
    this.#stop();
  }

  #view(collector: Collector): string {
    const { revision } = collector;
    if (this.#made?.revision === revision) return this.#made.json;
    const { name, version, life, now } = this.#parts;
    const json = JSON.stringify({
      ...{ name, version, life, revision, nowMs: now() },
      nodes: collector.nodes.size,
      fileSystems: collector.nodes.fileSystemNames().length,
      counters: collector.counters.values(),
      traps: collector.all(),
      silences: collector.silences.all,
    });
    this.#made = { revision, json };
    return json;
  }

  /** Resolves with the next change, when the time is over, or when the asker has gone. */
  #change(revision: number, waitMs: number, request: IncomingMessage): Promise<void> {
    if (this.#waiting.size >= WAITING_MOST) return Promise.resolve();
    return new Promise((done) => {
      const resolve = (): void => {
        request.socket.off('close', leave);
        done();
      };
      const waiting = { revision, endsMs: performance.now() + waitMs, resolve };
      const leave = (): void => {
        this.#waiting.delete(waiting);
        resolve();
      };
      request.socket.once('close', leave);
      this.#waiting.add(waiting);
      this.#timer ??= setInterval(() => this.#look(), LOOK_MS);
    });
  }

  #look(): void {
    const { revision } = this.#parts.collector;
    const nowMs = performance.now();
    for (const waiting of this.#waiting) {
      if (waiting.revision === revision && nowMs < waiting.endsMs) continue;
      this.#waiting.delete(waiting);
      waiting.resolve();
    }
    if (this.#waiting.size === 0) this.#stop();
  }

  #stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}
