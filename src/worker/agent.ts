/**
 * The worker's agent: takes attempts from the server, runs them on its slots, reports their ends.
 *
 *   running ──drain──▶ draining ──nothing held, told──▶ over
 *      └──────stop──▶ stopping ──all killed, told──▶ over
 *
 * An end is repeated until an answered sync has carried it. A waiting attempt is given back by not
 * being listed in `holding`.
 */
import { DirectoryShelf } from '#base';
import type { ContentSource, StoreEvent } from '#datastore';
import {
  type ClientOffer,
  type EndedAttempt,
  type GrantedAttempt,
  PROTOCOL_VERSION,
  SYNC_LIMITS,
  type SyncRequest,
  type SyncResponse,
} from '#wire';
import type { Workshop } from './attempt/attempt.ts';
import { ChirpDesk } from './chirp/desk.ts';
import { Connection } from './connection.ts';
import { Conversation, type Speaker } from './conversation.ts';
import { DataWishes } from './data-wishes.ts';
import {
  type DemandView,
  gatherMs,
  isCheapToDrain,
  pollDelayMs,
  wantedAttempts,
} from './demand.ts';
import { DeviceShelf } from './device-shelf.ts';
import { EndBacklog } from './end-backlog.ts';
import { Errands } from './errands.ts';
import { sortGrants } from './grants.ts';
import { JobShelf } from './job-shelf.ts';
import { MemoryWatch } from './memory-watch.ts';
import { OwnMachine } from './own-machine.ts';
import { OwnStart } from './own-start.ts';
import { PolicyWatch } from './policy-watch.ts';
import type { AgentOptions, ServerLink } from './port.ts';
import { Pulse, type PulseNews } from './pulse.ts';
import { SlotPool } from './slot-pool.ts';
import { Stock } from './stock.ts';
import { whenTimeIsOver } from './time-over.ts';

/** The server's answer may be late by this when there is nothing to say. */
const POLL_MS = 10_000;
/** More ends than this undelivered: no new work until the server takes some. */
const MOST_UNDELIVERED = 10_000;
/** Between TERM and KILL when the worker itself is to stop at once, and when its time is over. */
const STOP_GRACE_MS = 500;
const TIME_OVER_GRACE_MS = 10_000;
/** How long a stopping worker tries to tell the server, once nothing runs any more. */
const FAREWELL_MS = 2000;

const STOPPED = 'Its worker was stopped.';
const TIME_OVER = 'The time of its worker was over.';

type Phase = 'running' | 'draining' | 'stopping' | 'over';

export interface AgentIdentity {
  /** Random, new with each process. */
  readonly worker: string;
  /** The dead worker that had the directory before, or null. */
  readonly replaces: string | null;
}

export class WorkerAgent {
  readonly #options: AgentOptions;
  readonly #identity: AgentIdentity;
  readonly #lifetime = new AbortController();
  readonly #connection: Connection;
  readonly #conversation: Conversation;
  readonly #pulse: Pulse;
  readonly #jobs: JobShelf;
  readonly #pool: SlotPool;
  readonly #policies: PolicyWatch;
  readonly #start: OwnStart;
  readonly #backlog: EndBacklog;
  readonly #stock: Stock;
  readonly #wishes: DataWishes;
  readonly #shelf: DirectoryShelf;
  readonly #errands: Errands;
  readonly #chirp: ChirpDesk;
  #phase: Phase = 'running';
  /** A sync that told the server of the end of this worker has been answered. */
  #farewellSaid = false;
  #isKnown = false;
  #isSucceeded = false;
  #preparing = Promise.resolve();
  /** The server is to be told the offer with the next sync. */
  #isOfferDue = true;
  #sequence = 0;
  readonly #machine: OwnMachine;

  constructor(options: AgentOptions, identity: AgentIdentity) {
    this.#options = options;
    this.#identity = identity;
    this.#connection = new Connection(options);
    this.#conversation = new Conversation(this.#speaker(), this.#connection, options);
    this.#machine = new OwnMachine(options);
    this.#pulse = new Pulse(options.log, (news) => this.#onPulse(news));
    this.#jobs = new JobShelf(options);
    this.#stock = new Stock({
      datastore: options.datastore,
      marks: options.marks,
      hasPeers: options.peerDoor !== null || options.stager !== '',
      sessionTag: () => this.#connection.sessionTag(),
    });
    this.#wishes = new DataWishes({
      stock: this.#stock,
      counts: () => options.datastore.counts(),
      onNews: () => this.#conversation.wake(),
      lifetime: this.#lifetime.signal,
      log: options.log,
    });
    this.#shelf = new DirectoryShelf(`${options.dir}/scratch`);
    this.#backlog = new EndBacklog(`${options.dir}/spool`);
    const told = { worker: identity.worker, link: () => this.#connection.up() };
    this.#chirp = new ChirpDesk({
      ...told,
      monotonic: () => options.clock.monotonic(),
      log: options.log,
    });
    this.#errands = new Errands({
      ...told,
      run: options.runErrand,
      serverUrl: () => this.#connection.endpoint?.url ?? '',
      lifetime: this.#lifetime.signal,
      log: options.log,
    });
    const machineAd = () => this.#machine.ad(this.#pool, this.#phase === 'running');
    this.#policies = new PolicyWatch({ ...options, machineAd });
    this.#start = new OwnStart({ ...options, machineAd });
    this.#pool = new SlotPool({
      slots: options.slots,
      workshop: this.#workshop(),
      openStarter: options.openStarter,
      devices: new DeviceShelf(options.gpus.gpus, options.pinnedCpus),
      onEnd: (end) => this.#onEnd(end),
      remainingMs: options.remainingMs,
      onGivenBack: () => this.#conversation.wake(),
    });
  }

  /**
   * Works until drained or stopped. Rejects with `WORKER_SESSION_REFUSED`, `PROTOCOL_MISMATCH` or
   * `WORKER_SERVER_GONE`. Either way nothing it started is left.
   */
  async run(): Promise<void> {
    this.#endInTime();
    try {
      await this.#conversation.run();
    } finally {
      await this.#close();
    }
  }

  /** It has ended in order to go on as its successor, and nobody has asked it to end. */
  get isSucceeded(): boolean {
    return this.#isSucceeded;
  }

  /** True when a job asked that the worker's own executable goes at its end. */
  get endsClient(): boolean {
    return this.#jobs.endsClient;
  }

  /** What the server keeps by its digest; waits for a connection. */
  async openContent(
    sha256: string,
    fromByte: number,
    signal: AbortSignal,
  ): ReturnType<ContentSource['open']> {
    return await (await this.#connection.up()).openBlob(sha256, fromByte, signal);
  }

  /** The way to its server, once it answers. */
  link(): Promise<ServerLink> {
    return this.#connection.up();
  }

  /** Something happened in its store of inputs. */
  noteStore(event: StoreEvent): void {
    this.#wishes.note(event);
  }

  /** Finishes what runs, gives back what waits, takes nothing new, then ends. */
  drain(): void {
    this.#isSucceeded = false;
    this.#beginDrain();
  }

  #beginDrain(): void {
    if (this.#phase !== 'running') return;
    this.#phase = 'draining';
    this.#pool.giveBackAll();
    this.#conversation.hurry();
  }

  /** Kills what runs, gives it back as cancelled, then ends, with or without an answer. */
  stop(): void {
    this.#stop(STOPPED, STOP_GRACE_MS);
  }

  #stop(reason: string, graceMs: number): void {
    this.#isSucceeded = false;
    if (this.#phase === 'stopping' || this.#phase === 'over') return;
    this.#phase = 'stopping';
    this.#pool.stopAll(reason, graceMs);
    void this.#pool.idle().then(() => this.#farewell());
  }

  #farewell(): void {
    this.#conversation.hurry();
    if (this.#lifetime.signal.aborted) return;
    const timer = setTimeout(() => this.#giveUpFarewell(), FAREWELL_MS);
    this.#lifetime.signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  }

  /** At the end of its time what still runs is given back; other workers begin it anew. */
  #endInTime(): void {
    const { remainingMs, log } = this.#options;
    whenTimeIsOver(remainingMs, this.#lifetime.signal, () => {
      log.info({}, 'the time of this worker is over');
      this.#stop(TIME_OVER, TIME_OVER_GRACE_MS);
    });
  }

  #onPulse({ roundTripMs, syncsNow }: PulseNews): void {
    this.#machine.roundTripMs = roundTripMs;
    if (syncsNow) this.#conversation.refresh();
  }

  #giveUpFarewell(): void {
    this.#farewellSaid = true;
    void this.#connection.close(new Error('the worker ends'));
    this.#conversation.hurry();
  }

  async #close(): Promise<void> {
    this.#phase = 'over';
    this.#lifetime.abort();
    this.#pool.stopAll(STOPPED, 0);
    // Before the pool is idle: attempts may wait for the connection.
    await this.#connection.close(new Error('the worker ends'));
    await this.#errands.close();
    await this.#pool.idle();
    await this.#chirp.close();
    const ends = [this.#pool.close(), this.#pulse.stop(), this.#preparing, this.#shelf.close()];
    await Promise.all(ends);
    this.#backlog.dispose();
    await this.#wishes.close();
    await this.#stock.removeBrought(this.#jobs.passingPrograms());
    await this.#stock.close();
  }

  #workshop(): Workshop {
    const { clock, random, log, dir } = this.#options;
    return {
      scratchRoot: `${dir}/scratch`,
      spoolRoot: `${dir}/spool`,
      shelf: this.#shelf,
      sessionTag: () => this.#connection.sessionTag(),
      stock: this.#stock,
      runPlugin: this.#options.runPlugin,
      link: () => this.#connection.up(),
      lifetime: this.#lifetime.signal,
      memoryWatch: new MemoryWatch(clock),
      policies: this.#policies,
      walls: this.#options.walls,
      chirp: this.#chirp,
      unkilled: this.#machine.unkilled,
      mountUnderScratch: this.#options.mountUnderScratch,
      gpus: this.#options.gpus,
      // A poll under way said that the slot was taken.
      onUpload: () => this.#conversation.wake(),
      clock,
      random,
      log,
    };
  }

  #speaker(): Speaker {
    return {
      compose: () => this.#compose(),
      onAnswer: (request, answer, tookMs) => this.#onAnswer(request, answer, tookMs),
      onRefused: (request) => this.#onRefused(request),
      gatherMs: () => gatherMs(this.#demand()),
      pollDelayMs: () => (this.#phase === 'running' ? pollDelayMs(this.#demand()) : 0),
      hasEnds: () => this.#backlog.size > 0,
      isIdle: () => this.#pool.isIdle,
      isOver: () => this.#isOver(),
    };
  }

  #isOver(): boolean {
    if (this.#phase === 'running') return false;
    if (this.#phase === 'over') return true;
    if (!this.#pool.isIdle) return false;
    // With nothing to deliver, a server that is gone finds out by the lease.
    const isMute = !this.#connection.isUp && this.#backlog.size === 0;
    return this.#farewellSaid || isMute;
  }

  #demand(): DemandView {
    const closed = this.#phase !== 'running' || this.#backlog.size >= MOST_UNDELIVERED;
    return { ...this.#pool.view(), closed };
  }

  #compose(): SyncRequest {
    const { clock, awayMs } = this.#options;
    const remainingMs = this.#options.remainingMs();
    this.#pulse.beat(clock.monotonic());
    this.#pool.giveBackOverdue();
    const ended = this.#backlog.next();
    const carried = new Set(ended.map(({ ticket }) => ticket));
    const undelivered = [...this.#backlog.tickets()].filter((ticket) => !carried.has(ticket));
    // The first is answered at once: it brings the lease, from which on the pulse holds it.
    const mayWait =
      this.#isKnown && ended.length === 0 && !(this.#phase !== 'running' && this.#pool.isIdle);
    this.#sequence++;
    return {
      protocol: PROTOCOL_VERSION,
      worker: this.#identity.worker,
      replaces: this.#isKnown ? null : this.#identity.replaces,
      ...this.#machine.told(),
      sequence: this.#sequence,
      slots: this.#pool.slots,
      freeSlots: Math.min(wantedAttempts(this.#demand()), SYNC_LIMITS.attempts),
      offer: this.#isOfferDue ? this.#options.offer : null,
      awayMs,
      remainingMs: remainingMs === null ? null : Math.max(0, remainingMs),
      atMs: clock.monotonic(),
      waitMs: mayWait ? POLL_MS : 0,
      draining: this.#phase !== 'running',
      holding: [...this.#pool.tickets(), ...undelivered],
      ended,
      policyVersion: this.#policies.version,
      declined: this.#start.declined(),
      knownJobs: this.#jobs.known(),
      ...this.#wishes.told(),
    };
  }

  #onAnswer(request: SyncRequest, answer: SyncResponse, tookMs: number): void {
    if (!this.#isKnown) this.#options.onConnected(this.#identity.worker);
    this.#isKnown = true;
    this.#backlog.confirm(request.ended);
    this.#wishes.confirm(request);
    // Cancels first: a slot that becomes free this way may go to what has just come.
    for (const { ticket, cause } of answer.cancel) this.#pool.cancel(ticket, cause);
    for (const job of answer.jobs) this.#jobs.add(job, (id) => this.#pool.hasJob(id));
    // After a longer sleep than its lease these were given to others: not held, they go back.
    const isStale = tookMs > request.waitMs + answer.settings.leaseMs;
    if (this.#phase === 'running' && !isStale) this.#take(answer.attempts);
    this.#errands.take(answer.errands);
    if (this.#phase === 'running') this.#wishes.take(answer.data);
    this.#obey(answer.settings);
    this.#isOfferDue = answer.settings.tellOffer;
    if (answer.settings.tellWalls && this.#machine.walls === null) {
      void this.#machine.findWalls().then(() => this.#conversation.hurry());
    }
    const isLast = request.draining && request.holding.length === 0;
    if (isLast && this.#backlog.size === 0) this.#farewellSaid = true;
  }

  #onRefused(request: SyncRequest): void {
    const given = this.#backlog.yieldTo(request.ended);
    if (given === undefined) return;
    this.#options.log.error(
      { ticket: given },
      'the server does not take an end; sent without parts',
    );
  }

  #take(grants: readonly GrantedAttempt[]): void {
    const held = new Set([...this.#pool.tickets(), ...this.#backlog.tickets()]);
    const nowMs = this.#options.clock.now();
    const { offers, refused } = sortGrants(grants, held, this.#jobs, nowMs);
    for (const end of refused) this.#onEnd(end);
    this.#pool.offer(this.#start.letIn(offers));
  }

  #obey(settings: SyncResponse['settings']): void {
    const { endpoint } = this.#connection;
    if (endpoint && this.#phase !== 'over') {
      const { leaseMs } = settings;
      this.#pulse.tell({ ...endpoint, worker: this.#identity.worker, leaseMs });
    }
    if (settings.policy) this.#policies.takeSite(settings.policy);
    if (settings.slots !== null && settings.slots !== this.#pool.slots) {
      this.#pool.setSlots(settings.slots);
    }
    if (settings.stop) this.stop();
    // A worker that drains is told to do so, which must not count as a wish of the server's own.
    else if (this.#phase !== 'running') return;
    else if (settings.drain) this.drain();
    else if (settings.client) this.#consider(settings.client);
  }

  /** Every answer of a newer server offers its executable. */
  #consider(offer: ClientOffer): void {
    const { successor, log } = this.#options;
    if (!successor) return;
    if (successor.isDue(offer)) {
      this.#preparing = this.#connection
        .up()
        .then((link) => successor.prepare(offer, link, this.#lifetime.signal))
        .then(() => this.#conversation.wake())
        .catch(() => {}); // the worker ends
    } else if (
      successor.path &&
      isCheapToDrain(this.#pool.view().medianMs, this.#pool.oldestMs())
    ) {
      log.info({}, 'finishing what runs, to go on as the newer windrow');
      this.#isSucceeded = true;
      this.#beginDrain();
    }
  }

  #onEnd(end: EndedAttempt): void {
    this.#backlog.add(end);
    this.#conversation.wake();
  }
}
