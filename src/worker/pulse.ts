/** The agent's hold on the pulse thread (`pulse-thread.ts`). */
import { Worker } from 'node:worker_threads';
import type { AgentLog } from './port.ts';

export interface PulseSettings {
  readonly url: string;
  readonly session: string;
  readonly worker: string;
  readonly leaseMs: number;
}

/** A renewal was answered. */
export interface PulseNews {
  /** To the server and back, the quickest of the last few; null before the first. */
  readonly roundTripMs: number | null;
  /** The server answers again, or has forgotten the worker: a sync is due now. */
  readonly syncsNow: boolean;
}

/** New settings, or only a sign that the agent lives. */
export type PulseOrder = PulseSettings | 'beat';

const BEAT_MS = 1000;
/**
 * The thread, which takes 30 ms of CPU, begins when so much time has passed, where the lease lasts for as long
 * again: what is over by then does without. An agent that is blocked before it begins, for all the rest of
 * its first lease, loses that.
 */
const BEGINS_AFTER_MS = 15_000;

/** Renews leases from a thread of its own, from soon after the first `tell` until `stop`. */
export class Pulse {
  readonly #log: AgentLog;
  readonly #onNews: (news: PulseNews) => void;
  #thread: Worker | undefined;
  #beginning: NodeJS.Timeout | undefined;
  #hasBegun = false;
  #settings: PulseSettings | undefined;
  #beatAtMs = 0;
  #stopped = false;

  constructor(log: AgentLog, onNews: (news: PulseNews) => void) {
    this.#log = log;
    this.#onNews = onNews;
  }

  /** Sees that the thread begins, or gives it what has changed. */
  tell(settings: PulseSettings): void {
    if (this.#stopped || (this.#settings && isSame(this.#settings, settings))) return;
    this.#settings = settings;
    if (this.#thread) this.#thread.postMessage(settings);
    else if (!this.#hasBegun) {
      this.#beginIn(Math.min(BEGINS_AFTER_MS, settings.leaseMs - BEGINS_AFTER_MS));
    }
  }

  /** To be called whenever the agent gets round to anything. */
  beat(nowMs: number): void {
    if (nowMs - this.#beatAtMs < BEAT_MS) return;
    this.#beatAtMs = nowMs;
    this.#thread?.postMessage('beat' satisfies PulseOrder);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#beginning);
    const thread = this.#thread;
    this.#thread = undefined;
    await thread?.terminate();
  }

  #beginIn(ms: number): void {
    clearTimeout(this.#beginning);
    this.#beginning = setTimeout(() => this.#begin(this.#settings!), Math.max(0, ms));
    this.#beginning.unref();
  }

  #begin(settings: PulseSettings): void {
    this.#hasBegun = true;
    const thread = new Worker(new URL('./pulse-thread.ts', import.meta.url), {
      name: 'windrow-pulse',
      workerData: settings,
      // What was meant for the agent's process (inspectors, loaders) is not for this thread.
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4 },
    });
    thread.on('error', (error) => this.#log.error({ err: error }, 'the pulse thread failed'));
    thread.on('message', (news: PulseNews) => this.#onNews(news));
    thread.on('exit', () => this.#restart(thread));
    this.#thread = thread;
  }

  #restart(ended: Worker): void {
    if (this.#stopped || this.#thread !== ended) return;
    this.#thread = undefined;
    this.#beginIn(BEAT_MS);
  }
}

function isSame(a: PulseSettings, b: PulseSettings): boolean {
  return a.url === b.url && a.session === b.session && a.leaseMs === b.leaseMs;
}
