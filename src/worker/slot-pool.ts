/** The worker's slots: what waits, what runs, and who runs it. */
import type { Clock } from '#base';
import type { Ticket } from '#model';
import type { Starter } from '#sandbox';
import type { EndedAttempt, GrantedAttempt } from '#wire';
import { newAttempt, stopAttempt, type Workshop } from './attempt/attempt.ts';
import { runAttempt } from './attempt/pipeline.ts';
import { CANCELLED, SUPERSEDED } from './attempt/verdict.ts';
import { type DemandView, giveBackAfterMs, RecentTimes } from './demand.ts';
import type { DeviceShelf } from './device-shelf.ts';
import type { JobPlan } from './job-plan.ts';
import {
  type Lane,
  type LaneAttempt,
  laneWithRoom,
  misplaced,
  untoldMs,
  waitingIn,
} from './lane.ts';

export interface SlotPoolOptions {
  readonly slots: number;
  readonly workshop: Workshop;
  readonly openStarter: () => Starter;
  readonly devices: DeviceShelf;
  readonly onEnd: (end: EndedAttempt) => void;
  /** Until the worker ends; null: it need not. */
  readonly remainingMs: () => number | null;
  /** Attempts were dropped before they began: the server is to hear so. */
  readonly onGivenBack: () => void;
}

interface Waiting {
  readonly plan: JobPlan;
  readonly grant: GrantedAttempt;
  readonly sinceMs: number;
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
  /** Everything handed to a starter until its end is told. */
  readonly #running = new Map<Ticket, LaneAttempt>();
  /** Lanes that have attempts; each takes its cost of the slots. */
  readonly #lanes = new Set<Lane>();
  readonly #idleStarters: Starter[] = [];
  readonly #devices: DeviceShelf;
  readonly #times = new RecentTimes();
  #slots: number;
  #taken = 0;
  #delivering = 0;
  #onIdle: (() => void)[] = [];

  constructor(options: SlotPoolOptions) {
    this.#options = options;
    this.#clock = options.workshop.clock;
    this.#slots = options.slots;
    this.#devices = options.devices;
  }

  /** Those in service: what SIGKILL did not end keeps the slot that it had, so that no more follow it. */
  get slots(): number {
    return Math.max(0, this.#slots - this.#options.workshop.unkilled.attempts());
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
    const ahead = this.#running.size - this.#delivering - this.#lanes.size;
    return {
      slots: this.slots,
      taken: this.#taken,
      queued: this.#queue.length + ahead,
      medianMs: this.#times.medianMs(),
      youngestMs: this.#youngestMs(),
      untoldMs: Math.max(0, ...this.#lanes.values().map(untoldMs)),
    };
  }

  /** How long the attempt that started first has kept its slot; 0 when none does. */
  oldestMs(): number {
    const nowMs = this.#clock.monotonic();
    let oldestMs = 0;
    for (const { sinceMs } of this.#lanes) oldestMs = Math.max(oldestMs, nowMs - sinceMs);
    return oldestMs;
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
    else if (cause === 'recalled') giveBack(running);
    // Said again with every answer until the end is known; a second TERM would begin a new grace.
    else if (!running.attempt.stopped) {
      const verdict = cause === 'superseded' ? SUPERSEDED : CANCELLED;
      stopAttempt(running.attempt, verdict, running.attempt.plan.job.killGraceMs);
    }
  }

  /** Drops what could not start for long: no longer held, it goes back with the next sync. */
  giveBackOverdue(): number {
    this.#takeBack();
    const limitMs = this.#clock.monotonic() - giveBackAfterMs(this.#times.medianMs());
    const firstYoung = this.#queue.findIndex(({ sinceMs }) => sinceMs > limitMs);
    return this.#queue.splice(0, firstYoung < 0 ? this.#queue.length : firstYoung).length;
  }

  giveBackAll(): void {
    this.#queue.length = 0;
    for (const lane of this.#lanes) for (const waiting of waitingIn(lane)) giveBack(waiting);
    this.#noteIdle();
  }

  /** Forgets what waits and kills what runs, with the job's own grace but at most `mostGraceMs`. */
  stopAll(reason: string, mostGraceMs: number): void {
    this.giveBackAll();
    for (const { attempt } of this.#running.values()) {
      const graceMs = Math.min(attempt.plan.job.killGraceMs, mostGraceMs);
      stopAttempt(attempt, { cause: 'cancelled', reason }, graceMs);
    }
  }

  /** Resolves when `isIdle`. */
  idle(): Promise<void> {
    return this.isIdle ? Promise.resolve() : new Promise((resolve) => this.#onIdle.push(resolve));
  }

  /** To be called when idle: ends the starters' own processes. */
  async close(): Promise<void> {
    await Promise.all(this.#idleStarters.splice(0).map((starter) => starter.close()));
  }

  /** CPUs and GPUs that attempts have at this moment. */
  get used(): { readonly cpus: number; readonly gpus: number } {
    let gpus = 0;
    for (const { devices } of this.#lanes) gpus += devices.gpus.length;
    return { cpus: this.#taken, gpus };
  }

  #youngestMs(): number | undefined {
    if (this.slots - this.#taken >= 1) return undefined;
    let latest = 0;
    for (const lane of this.#lanes) latest = Math.max(latest, lane.sinceMs + untoldMs(lane));
    return Math.max(0, this.#clock.monotonic() - latest);
  }

  /** In order: a large attempt at the head is not starved by small ones behind it. */
  #startWaiting(): void {
    this.#dropLate();
    for (let head = this.#queue[0]; head; head = this.#queue[0]) {
      const lane = this.#laneFor(head.plan);
      if (!lane) return;
      this.#queue.shift();
      this.#start(head, lane);
    }
    this.#takeBack();
  }

  /** What says how long it takes, and cannot end before the worker, is for another one. */
  #dropLate(): void {
    const remainingMs = this.#options.remainingMs();
    if (remainingMs === null) return;
    const inTime = this.#queue.filter(({ plan }) => plan.job.request.timeMs <= remainingMs);
    if (inTime.length === this.#queue.length) return;
    this.#queue.splice(0, this.#queue.length, ...inTime);
    this.#options.onGivenBack();
  }

  #laneFor(plan: JobPlan): Lane | undefined {
    const { slots } = this;
    const cost = costOf(plan, slots);
    const nowMs = this.#clock.monotonic();
    if (slots === 0 || this.#taken + cost > slots + SLACK) {
      const isFull = this.#delivering >= slots * MOST_DELIVERING_PER_SLOT;
      if (isFull || this.#taken > slots + SLACK) return undefined;
      return laneWithRoom(this.#lanes, plan, { medianMs: this.#times.medianMs(), nowMs });
    }
    const devices = this.#devices.take(plan.job.request);
    if (!devices) return undefined;
    const starter = this.#idleStarters.pop() ?? this.#options.openStarter();
    const attempts = new Set<LaneAttempt>();
    const number = firstFree(new Set([...this.#lanes].map((lane) => lane.number)));
    const lane = { starter, number, devices, attempts, plan, cost, sinceMs: nowMs };
    this.#lanes.add(lane);
    this.#taken += cost;
    return lane;
  }

  #start({ plan, grant, sinceMs }: Waiting, lane: Lane): void {
    const releaseSlot = () => this.#releaseSlot(running);
    const { workshop } = this.#options;
    const { starter, devices, number: slot } = lane;
    const attempt = newAttempt({ plan, grant, workshop, starter, slot, devices, releaseSlot });
    const running: LaneAttempt = { attempt, lane, sinceMs, delivering: false, givenBack: false };
    lane.attempts.add(running);
    this.#running.set(grant.ticket, running);
    void runAttempt(attempt).then((end) => this.#finish(running, end));
  }

  /** Called at the program's end. While too many deliver already, the slot waits for its own. */
  #releaseSlot(running: LaneAttempt): void {
    if (running.delivering || this.#delivering >= this.#slots * MOST_DELIVERING_PER_SLOT) return;
    running.delivering = true;
    this.#delivering++;
    this.#leaveLane(running);
  }

  #leaveLane(running: LaneAttempt): void {
    const { lane, attempt } = running;
    // It may be told of late, together with others.
    const { wallMs = 0, agoMs = 0 } = attempt.programEnd ?? {};
    const endedMs = this.#clock.monotonic() - agoMs;
    if (!attempt.withdrawn) this.#times.add(Math.max(endedMs - lane.sinceMs, wallMs));
    lane.sinceMs = endedMs;
    lane.attempts.delete(running);
    if (lane.attempts.size === 0) this.#close(lane);
    this.#startWaiting();
  }

  #close(lane: Lane): void {
    this.#lanes.delete(lane);
    this.#taken = Math.max(0, this.#taken - lane.cost);
    this.#devices.give(lane.devices);
    this.#idleStarters.push(lane.starter);
  }

  #finish(running: LaneAttempt, end: EndedAttempt): void {
    const { plan, grant, withdrawn, stopped } = running.attempt;
    this.#running.delete(end.ticket);
    if (running.delivering) this.#delivering--;
    if (!withdrawn || (stopped && !running.givenBack)) this.#options.onEnd(end);
    else if (running.givenBack) this.#options.onGivenBack();
    else this.#queue.unshift({ plan, grant, sinceMs: running.sinceMs });
    if (!running.delivering) this.#leaveLane(running);
    this.#noteIdle();
  }

  /** What was handed to a starter too early comes back into the queue, unless it runs by now. */
  #takeBack(): void {
    const idle = this.#queue.length > 0 ? 0 : Math.floor(this.slots - this.#taken + SLACK);
    const view = { medianMs: this.#times.medianMs(), nowMs: this.#clock.monotonic() };
    const early = misplaced(this.#lanes, idle, view);
    for (const { attempt } of early) attempt.program?.withdraw();
  }

  #noteIdle(): void {
    if (!this.isIdle) return;
    for (const tell of this.#onIdle.splice(0)) tell();
  }
}

function giveBack(running: LaneAttempt): void {
  running.givenBack = true;
  running.attempt.program?.withdraw();
}

function firstFree(taken: ReadonlySet<number>): number {
  for (let number = 1; ; number++) if (!taken.has(number)) return number;
}

/** A job that asks for more than the worker has gets all of it. */
function costOf(plan: JobPlan, slots: number): number {
  return Math.min(Math.max(plan.job.request.cpus, LEAST_COST), Math.max(slots, 1));
}
