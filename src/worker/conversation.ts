/**
 * The loop of syncs: one at a time, for as long as the worker lives.
 *
 *   settle ──▶ send ──answer──▶ settle
 *                │──left for news──▶ settle
 *                │──failed──▶ back off ──▶ settle
 *                └──fatal──▶ end
 *
 * A sync that carries ends asks for an answer at once; one without is a long poll, which is left
 * when an attempt ends: the server answers it as soon as it hears the next sync, and what it says
 * then is not listened to. Its connection stays, for making one costs more than a sync does. Only
 * polls are left, so ends are never caught in a row of syncs none of which is answered.
 */
import { formatDuration, messageOf, WindrowError } from '#base';
import type { SyncRequest, SyncResponse } from '#wire';
import { backoffMs } from './backoff.ts';
import type { Connection } from './connection.ts';
import { outOfStep } from './demand.ts';
import { workerErrors } from './errors.ts';
import { fateOf } from './fate.ts';
import type { AgentOptions } from './port.ts';

/** What the conversation asks of the agent. */
export interface Speaker {
  compose(): SyncRequest;
  /** @param tookMs from sending the request to this call */
  onAnswer(request: SyncRequest, answer: SyncResponse, tookMs: number): void;
  /** The server takes no sync that carries these ends: what can be left out? */
  onRefused(request: SyncRequest): void;
  /** How long the next sync may wait for more ends, and a poll for the first. */
  gatherMs(): number;
  pollDelayMs(): number;
  hasEnds(): boolean;
  isIdle(): boolean;
  isOver(): boolean;
}

type Options = Pick<
  AgentOptions,
  'clock' | 'random' | 'log' | 'giveUpMs' | 'firstContactMs' | 'deliverMs'
>;

/** Ends that come together in this time share the sync that overtakes a poll. */
const LEAVE_MS = 2;
/** A poll that was left and is not answered by then never will be: its connection goes. */
const LEFT_POLL_MS = 2000;
/** A poll that is answered sooner than this with nothing new was not kept back. */
const QUICK_MS = 100;
const LONGEST_PACE_MS = 1000;
/** A server that keeps refusing the very session it was started with is not ours. */
const MOST_SESSION_REFUSALS = 3;

export class Conversation {
  readonly #speaker: Speaker;
  readonly #connection: Connection;
  readonly #options: Options;
  #underWay: AbortController | undefined;
  /** Goes on without the answer, if what is under way is a poll. */
  #leavePoll: (() => void) | undefined;
  #leaving: NodeJS.Timeout | undefined;
  #wakeSleeper: (() => void) | undefined;
  #endBackOff: (() => void) | undefined;
  #failures = 0;
  #sessionRefusals = 0;
  /** Polls in a row that came back at once with nothing. */
  #emptyPolls = 0;
  #everAnswered = false;
  #lostSinceMs: number;

  constructor(speaker: Speaker, connection: Connection, options: Options) {
    this.#speaker = speaker;
    this.#connection = connection;
    this.#options = options;
    this.#lostSinceMs = options.clock.monotonic();
  }

  /** Resolves when the speaker is over; rejects with a coded error when it cannot go on. */
  async run(): Promise<void> {
    while (!this.#speaker.isOver()) {
      await this.#settle();
      try {
        await this.#exchange();
      } catch (error) {
        await this.#onFailure(error);
      }
    }
  }

  /** Something is to be told: an attempt has ended, or the worker is asked to stop. */
  wake(): void {
    this.#wakeSleeper?.();
    if (!this.#leavePoll || this.#leaving) return;
    this.#leaving = setTimeout(this.#leavePoll, LEAVE_MS);
  }

  /** Ends of attempts do not shorten a back-off; being asked to stop does. */
  hurry(): void {
    this.#endBackOff?.();
    this.wake();
  }

  /** What is under way may never be answered, and a back-off is not needed any more. */
  refresh(): void {
    this.#endBackOff?.();
    this.#underWay?.abort();
  }

  async #settle(): Promise<void> {
    if (this.#failures > 0) return;
    if (!this.#speaker.hasEnds()) {
      await this.#sleep(Math.max(this.#speaker.pollDelayMs(), this.#paceMs()));
    }
    if (this.#speaker.hasEnds()) {
      await sleepWhole(outOfStep(this.#speaker.gatherMs(), this.#options.random));
    }
  }

  /** A server that drains, or waits for a program to die, answers polls at once: ask less often. */
  #paceMs(): number {
    if (this.#emptyPolls < 2) return 0;
    return Math.min(LONGEST_PACE_MS, 10 * 2 ** Math.min(this.#emptyPolls, 10));
  }

  /** Until `ms` have passed or somebody wakes it. */
  #sleep(ms: number): Promise<void> {
    if (ms === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const finish = () => {
        clearTimeout(timer);
        this.#wakeSleeper = undefined;
        resolve();
      };
      const timer = setTimeout(finish, ms);
      this.#wakeSleeper = finish;
    });
  }

  async #exchange(): Promise<void> {
    const link = await this.#connection.open();
    const request = this.#speaker.compose();
    const controller = new AbortController();
    this.#underWay = controller;
    const beganMs = this.#options.clock.monotonic();
    try {
      const answering = link.sync(request, { signal: controller.signal });
      const answer = request.waitMs > 0 ? await this.#unlessLeft(answering) : await answering;
      if (!answer) return abandon(answering, controller);
      this.#onSuccess();
      const tookMs = this.#options.clock.monotonic() - beganMs;
      const isEmpty = request.waitMs > 0 && answer.attempts.length === 0 && tookMs < QUICK_MS;
      this.#emptyPolls = isEmpty ? this.#emptyPolls + 1 : 0;
      this.#speaker.onAnswer(request, answer, tookMs);
    } catch (error) {
      if (controller.signal.aborted) return;
      if (fateOf(error) === 'refused') this.#speaker.onRefused(request);
      throw error;
    } finally {
      clearTimeout(this.#leaving);
      this.#leaving = undefined;
      this.#leavePoll = undefined;
      this.#underWay = undefined;
    }
  }

  /** The answer to a poll, or nothing when it is left before. */
  #unlessLeft(answering: Promise<SyncResponse>): Promise<SyncResponse | undefined> {
    const left = new Promise<undefined>((resolve) => {
      this.#leavePoll = () => resolve(undefined);
    });
    return Promise.race([answering, left]);
  }

  #onSuccess(): void {
    if (this.#failures > 0) this.#options.log.info({}, 'the server answers again');
    this.#everAnswered = true;
    this.#failures = 0;
    this.#sessionRefusals = 0;
    this.#connection.noteUp();
  }

  async #onFailure(error: unknown): Promise<void> {
    const { clock, log, random } = this.#options;
    this.#connection.noteDown();
    if (this.#failures === 0 && this.#everAnswered) this.#lostSinceMs = clock.monotonic();
    this.#failures++;
    this.#throwIfFatal(error);
    const facts = { failures: this.#failures, reason: messageOf(error) };
    if (this.#failures === 1) log.warn(facts, 'the server does not answer; trying again');
    else log.debug(facts, 'the server still does not answer');
    this.#throwIfHopeless(error);
    await this.#backOff(backoffMs(this.#failures, random));
  }

  #throwIfFatal(error: unknown): void {
    const url = this.#connection.endpoint?.url ?? 'the server';
    const fate = fateOf(error);
    if (fate === 'protocol' || isReplaced(error)) throw error;
    // Asked again where the server is, a restarted one may have been given another session.
    if (fate === 'session' && ++this.#sessionRefusals >= MOST_SESSION_REFUSALS) {
      throw workerErrors.create('WORKER_SESSION_REFUSED', { url }, { cause: error });
    }
  }

  #throwIfHopeless(error: unknown): void {
    const lostMs = this.#options.clock.monotonic() - this.#lostSinceMs;
    if (lostMs < this.#patienceMs() || !this.#speaker.isIdle()) return;
    const facts = { waited: formatDuration(lostMs), reason: messageOf(error) };
    throw workerErrors.create('WORKER_SERVER_GONE', facts, { cause: error });
  }

  /** What is done and cannot be told yet would have to be done again. */
  #patienceMs(): number {
    const { firstContactMs, giveUpMs, deliverMs } = this.#options;
    if (this.#speaker.hasEnds()) return deliverMs;
    return this.#everAnswered ? giveUpMs : firstContactMs;
  }

  #backOff(ms: number): Promise<void> {
    if (this.#speaker.isOver()) return Promise.resolve();
    return new Promise((resolve) => {
      const finish = () => {
        clearTimeout(timer);
        this.#endBackOff = undefined;
        resolve();
      };
      const timer = setTimeout(finish, ms);
      this.#endBackOff = finish;
    });
  }
}

function isReplaced(error: unknown): boolean {
  return error instanceof WindrowError && error.code === 'WORKER_SERVER_REPLACED';
}

/** Lets a poll be answered for nobody. */
function abandon(answering: Promise<unknown>, controller: AbortController): void {
  const timer = setTimeout(() => controller.abort(), LEFT_POLL_MS);
  answering.catch(() => {}).finally(() => clearTimeout(timer));
}

function sleepWhole(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
