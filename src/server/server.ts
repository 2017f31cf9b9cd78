/** The server: its parts joined, started, and ended in the right order. */
import { mkdirSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import type { Server as SecureServer } from 'node:tls';
import type { FastifyInstance } from 'fastify';
import { messageOf, systemCodeOf, systemReasonOf, withPin } from '#base';
import type { TrapRecord } from '#model';
import { Quarantine, removeStalePartials } from '#results';
import type { ApiEvent } from '#wire';
import { describeHappening } from './api/machines.ts';
import type { ApiParts } from './api/parts.ts';
import { Checking } from './checking.ts';
import { Clients } from './clients.ts';
import { Collecting } from './collecting.ts';
import { GroupCommit } from './commit.ts';
import type { Core, Job } from './core.ts';
import { onDamage } from './data-orders.ts';
import { keepReserve } from './disk-reserve.ts';
import { planOn } from './dispatch.ts';
import { Errands } from './errands.ts';
import { serverErrors } from './errors.ts';
import { Events } from './events.ts';
import { type Fault, type FaultNews, FaultWatch } from './faults.ts';
import { assembleHttp, type ServerTls, secureOptions } from './http/assemble.ts';
import { InputRepair } from './input-repair.ts';
import { Blobs } from './intake/blobs.ts';
import { ResultIntake } from './intake/results.ts';
import { removePartials } from './intake/streams.ts';
import { Intake } from './intake/submit.ts';
import { Tables } from './intake/tables.ts';
import { LateChanges } from './late-changes.ts';
import { layoutOf } from './layout.ts';
import { LeaseWatch } from './lease-watch.ts';
import { EventLogs } from './life/event-logs.ts';
import { type CoreDoors, newCore } from './new-core.ts';
import { ServerOpenDoor } from './open-door.ts';
import { obeyPolicyFile } from './policies/policy-file.ts';
import { PolicyScan } from './policies/scan.ts';
import { Pruning } from './pruning.ts';
import { isLatest } from './reactor/jobs.ts';
import { forgetLost } from './reactor/lost.ts';
import { recover } from './recovery.ts';
import type { ServerOptions } from './server-options.ts';
import { Staging } from './staging.ts';
import { SyncDesk } from './sync.ts';

/** Connections that wait to be taken: all workers may come at once, after a restart or a stall. */
const BACKLOG = 4096;
/** How often it is looked whether a disk is full, or something is to be stored. */
const LOOK_MS = 1000;
const FAULTS_MS = 2000;

export class Server {
  readonly core: Core;
  readonly #options: ServerOptions;
  readonly #http: FastifyInstance;
  readonly #desk: SyncDesk;
  readonly #checking: Checking;
  readonly #collecting: Collecting;
  readonly #events: Events;
  readonly #door: ServerOpenDoor;
  readonly #tables: Tables;
  readonly #leases: LeaseWatch;
  readonly #late: LateChanges;
  readonly #pruning: Pruning;
  readonly #staging: Staging | null;
  readonly #repair: InputRepair;
  readonly #scan: PolicyScan;
  readonly #eventLogs: EventLogs;
  readonly #timers: NodeJS.Timeout[] = [];
  #nextWake: { readonly atMs: number; readonly timer: NodeJS.Timeout } | null = null;
  readonly #finishing = new Set<Promise<void>>();
  #onDone: (() => void) | null = null;
  #url = '';
  #closing: Promise<void> | null = null;

  private constructor(options: ServerOptions) {
    this.#options = options;
    const layout = layoutOf(options.stateDirectory);
    mkdirSync(layout.work, { recursive: true, mode: 0o700 });
    const { clock, store } = options;
    const commit = new GroupCommit(
      store,
      () => this.#late.take(),
      (error) => options.onStop('now', error),
    );
    const startedAtMs = clock.now();
    let dataTags = 0;
    const doors: CoreDoors = {
      wake: () => this.#desk.wake(),
      wakeIn: (ms) => this.#wakeIn(ms),
      nextDataTag: () => `${startedAtMs.toString(36)}-${++dataTags}`,
      stage: (job) => this.#staging?.begin(job),
      suspectInputs: (job) => {
        if (!options.readOnly) this.#repair.suspect(job);
      },
      check: (job, task) => {
        if (!options.readOnly) this.#checking.check(job, task);
      },
      happened: (what) => this.#events.happened(what),
      finished: (job) => this.#finish(job),
    };
    this.core = newCore(options, commit, doors);
    const core = this.core;
    this.#late = new LateChanges(core);
    this.#leases = new LeaseWatch(core, () => {
      forgetLost(core);
      planOn(core);
      this.#releaseDelayed();
      this.#eventLogs.look();
    });
    const blobs = new Blobs(layout);
    const { data, log } = options;
    this.#staging = data && new Staging({ core, blobs, datastore: data.store, log });
    this.#repair = new InputRepair({ core, blobs, datastore: data?.store ?? null, log });
    const schemes = new Set(data ? [...data.schemes, 'windrow'] : []);
    const tables = new Tables(core, layout);
    const results = new ResultIntake(core, layout);
    const ports = { ...options.userCodePorts, temporaryDirectory: layout.work };
    const quarantine = (job: Job) =>
      new Quarantine(job.spec.output || layout.results(job.id), job.spec.keep);
    this.#tables = tables;
    const errands = new Errands(core);
    const { findClient: find, version } = options;
    const clients = new Clients({ find, version, clock });
    this.#desk = new SyncDesk(core, results, errands, clients);
    this.#events = new Events(
      (what, id) => describeHappening(core, what, id),
      () => commit.durable(),
      startedAtMs,
    );
    this.#checking = new Checking({
      core,
      layout,
      blobs,
      ports,
      processes: options.validators,
      quarantine,
    });
    this.#collecting = new Collecting({ core, store, layout, blobs, ports });
    const { userCode } = options;
    this.#pruning = new Pruning({ core, store, layout, tables, log: options.log });
    const intake = new Intake({ core, store, layout, tables, blobs, schemes, userCode, ports });
    const parts: ApiParts = {
      core,
      store,
      layout,
      tables,
      blobs,
      intake,
      collecting: this.#collecting,
      events: this.#events,
      datastore: data?.store ?? null,
      version: options.version,
      startedAtMs,
      url: () => this.#url,
      readOnly: options.readOnly,
      stop: (mode) => options.onStop(mode),
    };
    this.#eventLogs = new EventLogs(core, store, (message, facts) =>
      options.log('error', message, facts),
    );
    this.#scan = new PolicyScan(core, options.policy.intervalMs);
    this.#door = new ServerOpenDoor(core, blobs);
    const { session, adminToken, faces, traces } = options;
    this.#http = assembleHttp({
      parts,
      results,
      desk: this.#desk,
      errands,
      clients,
      tls: options.tls,
      door: this.#door,
      session,
      adminToken,
      faces,
      traces,
      log,
    });
  }

  /** Recovers the state and is ready to listen. @throws WindrowError of the store or the results */
  static async open(options: ServerOptions): Promise<Server> {
    const server = new Server(options);
    const layout = layoutOf(options.stateDirectory);
    if (!options.readOnly && options.policy.file !== '') {
      server.#timers.push(obeyPolicyFile(server.core, options.policy.file, options.log));
    }
    await recover(server.core, options.store, layout, server.#tables);
    if (options.readOnly) return server;
    new ResultIntake(server.core, layout).removeStale();
    for (const folder of [layout.tables, layout.blobs]) removePartials(folder);
    await server.#eventLogs.start();
    server.#startTimers();
    for (const id of server.core.active) server.core.stage(server.core.jobs.get(id)!);
    for (const job of server.core.jobs.values()) {
      await removeStalePartials(job.spec.output || layout.output(job.id));
      server.#collectIfDue(job);
    }
    return server;
  }

  /** New connections get this certificate; the address stays that of the pin it was opened with. */
  takeCertificate(tls: ServerTls): void {
    (this.#http.server as unknown as SecureServer).setSecureContext(secureOptions(tls));
  }

  /** Everything that happens from now on, as `GET /v1/events` tells it, until `signal` is aborted. */
  watch(signal: AbortSignal): AsyncGenerator<ApiEvent> {
    return this.#events.watch({ job: null, kinds: null, after: null }, signal);
  }

  /** A trace came home: those who watch are told. */
  traceStored({ id, name, bytes }: { id: string; name: string; bytes: number }): void {
    this.core.happened({ kind: 'trace', trace: id, name, bytes });
  }

  /** Its store found a damaged file and set it aside: those who watch are told. */
  dataDamaged(key: string, reason: string): void {
    onDamage(this.core, { key: key.slice(0, 1000), reason: reason.slice(0, 1000), worker: '' });
  }

  /** A trap was taken in by the collector beside it: those who watch are told. */
  trapTold(trap: TrapRecord): void {
    const { id, node, fileSystem, category, message, kind, condition } = trap;
    this.core.happened({
      ...{ kind: 'trap', trap: id, node, fileSystem, category, message, condition },
      isOver: kind === 'clear',
    });
  }

  /**
   * Tells of its own faults from now on until it is closed.
   * @param told what an earlier life told of and did not end
   */
  watchFaults(
    told: readonly Pick<Fault, 'condition' | 'node'>[],
    onNews: (news: FaultNews) => void,
  ): void {
    const watch = new FaultWatch(this.core, told);
    const look = setInterval(() => watch.look().forEach(onNews), FAULTS_MS);
    this.#timers.push(look);
  }

  /** @returns the address it answers at. @throws WindrowError PORT_TAKEN, LISTEN_FAILED */
  async listen(host: string, port: number): Promise<string> {
    const address = `${host}:${port}`;
    try {
      await this.#http.listen({ host, port, backlog: BACKLOG });
    } catch (error) {
      const code = systemCodeOf(error);
      if (code === 'EADDRINUSE') throw serverErrors.create('PORT_TAKEN', { address });
      if (code === undefined || code.startsWith('ERR_')) throw error;
      throw serverErrors.create('LISTEN_FAILED', { address, why: systemReasonOf(error) });
    }
    const bound = this.#http.server.address() as AddressInfo;
    const name = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
    const { tls } = this.#options;
    const scheme = tls ? 'https' : 'http';
    this.#url = withPin(`${scheme}://${name}:${bound.port}`, tls?.pin ?? null);
    return this.#url;
  }

  #startTimers(): void {
    this.#leases.start();
    if (!this.#options.readOnly) this.#pruning.start();
    this.#scan.start();
    keepReserve(this.core, this.#options);
    const looking = setInterval(() => {
      this.core.activity.tick(this.core.clock.monotonic());
      if (this.#late.areDue()) this.core.commit.touch();
      keepReserve(this.core, this.#options);
    }, LOOK_MS);
    this.#timers.push(looking);
  }

  #releaseDelayed(): void {
    const now = this.core.clock.monotonic();
    for (const id of this.core.active) {
      const job = this.core.jobs.get(id)!;
      if (job.tasks.delayed > 0 && job.tasks.releaseDue(now) > 0) this.core.wake();
    }
  }

  #wakeIn(ms: number): void {
    const atMs = this.core.clock.monotonic() + ms;
    if (this.#nextWake && this.#nextWake.atMs <= atMs) return;
    clearTimeout(this.#nextWake?.timer);
    const timer = setTimeout(() => {
      this.#nextWake = null;
      this.core.wake();
    }, ms);
    this.#nextWake = { atMs, timer };
  }

  #finish(job: Job): void {
    if (this.core.active.size === 0) this.#onDone?.();
    job.statisticsUrgent = true;
    this.#collectIfDue(job);
    this.#checking.finish(job);
    const rest = () => job.results.rest();
    void this.core.commit.durable().then(rest, () => {});
  }

  /** Outputs are written when a job ends; a server that was killed before that does it at its start. */
  #collectIfDue(job: Job): void {
    const over = job.state === 'done' || job.state === 'failed';
    const due = job.collectedAtMs === null || job.collectedAtMs < job.stateAtMs;
    if (!over || !due || job.spec.output === '' || !isLatest(this.core, job)) return;
    this.#later(
      this.#collecting.collect(job).then(
        () => undefined,
        (error) => this.#collectionFailed(job, error),
      ),
    );
  }

  #collectionFailed(job: Job, error: unknown): void {
    const text = messageOf(error);
    this.#options.log('error', 'results could not be collected', { job: job.id, error: text });
    const atMs = this.core.clock.now();
    job.collectionError = error;
    this.core.commit.add({
      kind: 'event',
      atMs,
      job: job.id,
      event: 'collection-failed',
      actor: 'server',
      text,
    });
  }

  #notWritten(job: Job, error: unknown): void {
    const facts = { job: job.id, error: messageOf(error) };
    this.#options.log('warn', 'results that were not acknowledged are not kept', facts);
  }

  #later(work: Promise<void>): void {
    this.#finishing.add(work);
    void work.finally(() => this.#finishing.delete(work));
  }

  /** Resolves when collections that are under way have ended. */
  async settled(): Promise<void> {
    while (this.#finishing.size > 0) await Promise.all(this.#finishing);
  }

  /** While a job is expected, clients of the open protocol are not told that all is finished. */
  expectJob(expected: boolean): void {
    this.#door.expectJob(expected);
  }

  /** Resolves when clients of the open protocol know that the job is finished, within seconds. */
  async clientsTold(signal: AbortSignal): Promise<void> {
    await this.#door.everyoneTold(signal);
  }

  /** Deletes what no job needs any more, now rather than within a minute. */
  prune(): Promise<void> {
    return this.#pruning.run();
  }

  /**
   * Workers are told to end as soon as no job is left to run, by the answer that takes the last end;
   * `onDone` hears of it before.
   */
  drainWhenDone(onDone: () => void): void {
    this.#onDone = () => {
      this.#onDone = null;
      onDone();
      this.core.draining = true;
      this.#desk.wake();
    };
    if (this.core.active.size === 0) this.#onDone();
  }

  /** Resolves when every worker that is left has been told to end, and has said goodbye. */
  deserted(): Promise<void> {
    return this.#desk.deserted();
  }

  /** Nothing more is handed out; workers are told to finish what they have. */
  drain(): void {
    this.core.draining = true;
    this.core.stopped = 'the server is stopping';
    this.#desk.wake();
  }

  /**
   * Ends everything in order; what was acknowledged is on disk. The state is given up, to whoever waits for
   * it, not before `last` is over. Repeatable.
   */
  close(last: Promise<unknown> = Promise.resolve()): Promise<void> {
    this.#closing ??= this.#close(last);
    return this.#closing;
  }

  async #close(last: Promise<unknown>): Promise<void> {
    this.core.stopped = 'the server is stopping';
    this.core.commit.end();
    this.#leases.stop();
    for (const timer of this.#timers) clearInterval(timer);
    clearTimeout(this.#nextWake?.timer);
    await this.#staging?.close();
    await this.#repair.close();
    await this.#pruning.close();
    await this.#scan.close();
    if (!this.#options.readOnly) await this.#eventLogs.close();
    this.#desk.close();
    this.#events.close();
    await this.#checking.close();
    await this.settled();
    await this.#http.close();
    await this.core.commit.durable().catch(() => undefined);
    for (const job of this.core.jobs.values()) {
      // On a full disk the rest was never acknowledged; the next start cuts it off.
      await job.results.close().catch((error) => this.#notWritten(job, error));
    }
    this.#tables.close();
    await last;
    await this.#options.store.close();
  }
}
