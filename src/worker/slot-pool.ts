/** The worker's slots: what waits, what runs, and who runs it. */
import type { Clock } from '#base';
import type { Ticket } from '#model';
import type { Starter } from '#sandbox';
import type { EndedAttempt, GrantedAttempt } from '#wire';
import { type Attempt, newAttempt, stopAttempt, type Workshop } from './attempt/attempt.ts';
import { runAttempt } from './attempt/pipeline.ts';
import { type DemandView, GIVE_BACK_AFTER_MS, RecentTimes } from './demand.ts';
import type { JobPlan } from './job-plan.ts';

export interface SlotPoolOptions {
  readonly slots: number;
  readonly workshop: Workshop;
  readonly openStarter: () => Starter;
  readonly onEnd: (end: EndedAttempt) => void;
}

interface Waiting {
  readonly plan: JobPlan;
  readonly grant: GrantedAttempt;
  readonly sinceMs: number;
}

interface Running {
  readonly attempt: Attempt;
  readonly cost: number;
  readonly sinceMs: number;
  hasSlot: boolean;
}

/** A slot offers one CPU; smaller requests share one, down to a quarter each. */
const LEAST_COST = 0.25;
/** Attempts that only deliver keep no slot, as long as they are no more than this per slot. */
const MOST_DELIVERING_PER_SLOT = 2;
/** Sums of fractions are not exact. */
const SLACK = 1e-9;

export class SlotPool {
  readonly #options: SlotPoolOptions;
  readonly #clock: Clock;
  readonly #queue: Waiting[] = [];
  readonly #running = new Map<Ticket, Running>();
  readonly #idleStarters: Starter[] = [];
  readonly #times = new RecentTimes();
  #slots: number;
  #taken = 0;
  #delivering = 0;
  #onIdle: (() => void)[] = [];

  constructor(options: SlotPoolOptions) {
    this.#options = options;
    this.#clock = options.workshop.clock;
    this.#slots = options.slots;
  }

  get slots(): number {
    return this.#slots;
  }

  /** Nothing waits, nothing runs, nothing is being uploaded. */
  get isIdle(): boolean {
    return this.#queue.length === 0 && this.#running.size === 0;
  }

  /** Every ticket that waits, runs or uploads. */
  tickets(): Ticket[] {
    return [...this.#running.keys(), ...this.#queue.map(({ grant }) => grant.ticket)];
  }

  hasJob(job: number): boolean {
    if (this.#queue.some(({ grant }) => grant.job === job)) return true;
    return [...this.#running.values()].some(({ attempt }) => attempt.grant.job === job);
  }

  view(): Omit<DemandView, 'closed'> {
    return {
      slots: this.#slots,
      taken: this.#taken,
      queued: this.#queue.length,
      medianMs: this.#times.medianMs(),
      youngestMs: this.#youngestMs(),
    };
  }

  setSlots(slots: number): void {
    this.#slots = slots;
    this.#startWaiting();
  }

  /** Takes attempts in; they start in this order as slots allow. */
  offer(offers: readonly { plan: JobPlan; grant: GrantedAttempt }[]): void {
    const sinceMs = this.#clock.monotonic();
    for (const { plan, grant } of offers) this.#queue.push({ plan, grant, sinceMs });
    this.#startWaiting();
  }

  /** Forgets a waiting attempt or kills a running one, unless it is only recalled. */
  cancel(ticket: Ticket, cause: 'cancelled' | 'superseded' | 'recalled'): void {
    const at = this.#queue.findIndex(({ grant }) => grant.ticket === ticket);
    if (at >= 0) this.#queue.splice(at, 1);
    const running = this.#running.get(ticket);
    if (!running) this.#noteIdle();
    // Said again with every answer until the end is known; a second TERM would begin a new grace.
    else if (cause !== 'recalled' && !running.attempt.stopped) {
      stopAttempt(running.attempt, cause, running.attempt.plan.job.killGraceMs);
    }
  }

  /** Drops what could not start for long: no longer held, it goes back with the next sync. */
  giveBackOverdue(): number {
    const limitMs = this.#clock.monotonic() - GIVE_BACK_AFTER_MS;
    const firstYoung = this.#queue.findIndex(({ sinceMs }) => sinceMs > limitMs);
    return this.#queue.splice(0, firstYoung < 0 ? this.#queue.length : firstYoung).length;
  }

  giveBackAll(): void {
    this.#queue.length = 0;
    this.#noteIdle();
  }

  stopAll(graceMs: number): void {
    this.giveBackAll();
    for (const { attempt } of this.#running.values()) stopAttempt(attempt, 'cancelled', graceMs);
  }

  /** Resolves when `isIdle`. */
  idle(): Promise<void> {
    return this.isIdle ? Promise.resolve() : new Promise((resolve) => this.#onIdle.push(resolve));
  }

  /** To be called when idle: ends the starters' own processes. */
  async close(): Promise<void> {
    await Promise.all(this.#idleStarters.splice(0).map((starter) => starter.close()));
  }

  #youngestMs(): number | undefined {
    if (this.#slots - this.#taken >= 1) return undefined;
    let latest = 0;
    for (const { sinceMs, hasSlot } of this.#running.values()) {
      if (hasSlot && sinceMs > latest) latest = sinceMs;
    }
    return this.#clock.monotonic() - latest;
  }

  /** In order: a large attempt at the head is not starved by small ones behind it. */
  #startWaiting(): void {
    for (let head = this.#queue[0]; head; head = this.#queue[0]) {
      const cost = costOf(head.plan, this.#slots);
      if (this.#slots === 0 || this.#taken + cost > this.#slots + SLACK) return;
      this.#queue.shift();
      this.#start(head, cost);
    }
  }

  #start({ plan, grant }: Waiting, cost: number): void {
    const starter = this.#idleStarters.pop() ?? this.#options.openStarter();
    const releaseSlot = () => this.#releaseSlot(running, starter);
    const { workshop } = this.#options;
    const attempt = newAttempt({ plan, grant, workshop, starter, releaseSlot });
    const running: Running = { attempt, cost, sinceMs: this.#clock.monotonic(), hasSlot: true };
    this.#taken += cost;
    this.#running.set(grant.ticket, running);
    void runAttempt(attempt).then((end) => this.#finish(running, starter, end));
  }

  /** Called at the program's end. While too many deliver already, the slot waits for its own. */
  #releaseSlot(running: Running, starter: Starter): void {
    if (!running.hasSlot || this.#delivering >= this.#slots * MOST_DELIVERING_PER_SLOT) return;
    this.#delivering++;
    this.#freeSlot(running, starter);
  }

  #freeSlot(running: Running, starter: Starter): void {
    running.hasSlot = false;
    this.#taken = Math.max(0, this.#taken - running.cost);
    this.#times.add(this.#clock.monotonic() - running.sinceMs);
    this.#idleStarters.push(starter);
    this.#startWaiting();
  }

  #finish(running: Running, starter: Starter, end: EndedAttempt): void {
    this.#running.delete(end.ticket);
    if (!running.hasSlot) this.#delivering--;
    this.#options.onEnd(end);
    if (running.hasSlot) this.#freeSlot(running, starter);
    this.#noteIdle();
  }

  #noteIdle(): void {
    if (!this.isIdle) return;
    for (const tell of this.#onIdle.splice(0)) tell();
  }
}

/** A job that asks for more than the worker has gets all of it. */
function costOf(plan: JobPlan, slots: number): number {
  return Math.min(Math.max(plan.job.request.cpus, LEAST_COST), Math.max(slots, 1));
}
