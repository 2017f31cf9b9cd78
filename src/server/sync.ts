/** The batched exchange with Windrow's own workers: ends in, attempts and cancellations out. */

import { messageOf } from '#base';
import { isDemanding, type RecordPlace, type Ticket } from '#model';
import {
  type EndedAttempt,
  type GrantedAttempt,
  PROTOCOL_VERSION,
  type SyncRequest,
  type SyncResponse,
} from '#wire';
import type { Clients } from './clients.ts';
import type { Core, Lease, Worker } from './core.ts';
import { onDataTold, onStoreTold, orderStager, versionFor, wishesFor } from './data-orders.ts';
import { describe, dispatch } from './dispatch.ts';
import type { Errands } from './errands.ts';
import type { ResultIntake } from './intake/results.ts';
import { onAttemptEnded } from './reactor/attempts.ts';
import { onUnused } from './reactor/leases.ts';
import { onLeaseLost, onWorkerLost, readopt } from './reactor/lost.ts';
import { addChange } from './reactor/tasks.ts';
import { isQuiet, onWorkerHeard, touchWorker } from './reactor/workers.ts';

/** An answer is kept back no longer than this, whatever the worker allows. */
const LONGEST_WAIT_MS = 25_000;

interface Parked {
  readonly worker: Worker;
  readonly asksFor: number;
  /** Of the data wishes that the worker knows. */
  readonly dataVersion: string;
  /** Called with what it was given, or with nothing when its time is over or it is replaced. */
  readonly answer: (attempts: readonly GrantedAttempt[]) => void;
}

/** Most ends travel whole inside the sync. */
function hasUploads({ parts }: EndedAttempt): boolean {
  return parts.some((part) => 'uploaded' in part);
}

/** Workers that wait for work, and what wakes them. */
export class SyncDesk {
  readonly #core: Core;
  readonly #results: ResultIntake;
  readonly #errands: Errands;
  readonly #clients: Clients;
  readonly #parked = new Map<string, Parked>();
  /** Those that have said goodbye. */
  readonly #gone = new Set<Worker>();
  readonly #deserted = Promise.withResolvers<void>();
  #awake = false;

  constructor(core: Core, results: ResultIntake, errands: Errands, clients: Clients) {
    this.#core = core;
    this.#results = results;
    this.#errands = errands;
    this.#clients = clients;
  }

  /** Work may have come: everybody who waits is looked at once more, soon. */
  wake(): void {
    if (this.#awake) return;
    this.#awake = true;
    setImmediate(() => {
      this.#awake = false;
      this.#serveParked();
    });
  }

  /** @param gone aborted when the worker hung up */
  async exchange(request: SyncRequest, address: string, gone: AbortSignal): Promise<SyncResponse> {
    const core = this.#core;
    if (this.#isOvertaken(request)) return this.#nothing();
    // At once: storing what it brings may take longer than its lease has left.
    const known = core.workers.get(request.worker);
    if (known) touchWorker(core, known);
    this.#parked.get(request.worker)?.answer([]);
    const uploaded = request.ended.filter(hasUploads);
    const places = await this.#results.storeUploads(uploaded, request);
    if (this.#isOvertaken(request)) return this.#nothing();
    if (request.replaces !== null) this.#replace(request.replaces);
    const worker = onWorkerHeard(core, {
      id: request.worker,
      name: request.name,
      platform: request.platform,
      version: request.version,
      address,
      kind: 'sync',
      slots: request.slots,
      memoryBytes: request.memoryBytes,
      diskFreeBytes: request.diskFreeBytes,
      walls: request.walls,
      offer: request.offer,
      gpus: request.gpus,
      machine: request.machine,
      remainingMs: request.remainingMs,
      draining: request.draining,
      awayMs: request.awayMs,
      leaseMs: Math.max(core.settings.leaseMs, request.awayMs),
    });
    worker.sequence = request.sequence;
    worker.declines = new Set(request.declined);
    worker.peer = request.peer;
    worker.stager = request.stager;
    onDataTold(core, worker, request.data);
    onStoreTold(core, worker, request.store);
    orderStager(core, worker);
    const times = { nowMs: core.clock.now(), atMs: request.atMs };
    for (const end of request.ended) this.#end(worker, end, times, places);
    this.#reconcile(worker, request);
    let attempts = this.#give(worker, request.freeSlots);
    const told =
      worker.cancels.size > 0 ||
      worker.recall ||
      this.#errands.of(worker).length > 0 ||
      versionFor(core, worker) !== request.dataVersion;
    const isKnown = worker.offer !== null;
    const quiet = attempts.length === 0 && request.ended.length === 0 && !told && isKnown;
    if (quiet && request.waitMs > 0 && !core.draining && !gone.aborted) {
      attempts = await this.#park(worker, request, gone);
    }
    await core.commit.durable();
    for (const end of uploaded) await this.#results.drop(end);
    const isGoodbye = core.draining && request.draining && request.holding.length === 0;
    // When it has its answer.
    if (isGoodbye) setImmediate(() => this.#sayGoodbye(worker));
    return this.#answer(worker, attempts, request);
  }

  #sayGoodbye(worker: Worker): void {
    this.#gone.add(worker);
    const isLeft = (one: Worker) => one.state !== 'lost' && !this.#gone.has(one);
    if (!this.#core.workers.values().some(isLeft)) this.#deserted.resolve();
  }

  /** Resolves when every worker has been told to end, and has said goodbye. */
  deserted(): Promise<void> {
    return this.#deserted.promise;
  }

  /**
   * A poll that the worker broke off may arrive, on a connection of its own, after the sync that
   * followed it. What it says of `holding` is old: it would give back what runs by now.
   */
  #isOvertaken(request: SyncRequest): boolean {
    return request.sequence < (this.#core.workers.get(request.worker)?.sequence ?? 0);
  }

  /** Nobody waits for the answer to a sync that was overtaken. */
  #nothing(): SyncResponse {
    const { leaseMs } = this.#core.settings;
    const settings = {
      leaseMs,
      slots: null,
      drain: false,
      stop: false,
      tellWalls: false,
      tellOffer: false,
      client: null,
      policy: null,
    };
    const nothing = { jobs: [], attempts: [], cancel: [], errands: [], data: null };
    return { protocol: PROTOCOL_VERSION, ...nothing, settings };
  }

  /** A worker whose process is known to be dead: another has its directory. */
  #replace(id: string): void {
    const dead = this.#core.workers.get(id);
    if (dead && dead.state !== 'lost') {
      onWorkerLost(this.#core, dead, 'its process ended and another took its place');
    }
  }

  #end(
    worker: Worker,
    told: EndedAttempt,
    times: Times,
    places: ReadonlyMap<Ticket, RecordPlace | Error>,
  ): void {
    const lease = this.#leaseOf(worker, told.ticket);
    if (!lease) return;
    const end = timed(told, times, lease.grantedAtMs);
    keepRemarks(this.#core, lease, worker, end);
    const isRuled = end.ruling !== null && !worker.cancels.has(end.ticket);
    if (!isRuled && (end.cause === 'cancelled' || end.cause === 'superseded')) {
      if (worker.cancels.get(end.ticket) === 'superseded') {
        const why = 'another attempt of the task was first';
        onLeaseLost(this.#core, lease, 'superseded', why, end.usage);
      } else {
        const why = end.reason || 'the worker was stopped';
        onLeaseLost(this.#core, lease, 'cancelled', why, end.usage);
      }
      return;
    }
    const stored = places.get(end.ticket);
    if (stored instanceof Error) return this.#endWithoutResults(lease, end, stored);
    const place = stored ?? this.#results.append(lease, end);
    onAttemptEnded(this.#core, lease, end, place, end.lastErrorLine, end.ruling);
  }

  /** Its uploads are missing, damaged, or found no room: the machine's or the server's fault. */
  #endWithoutResults(lease: Lease, end: EndedAttempt, error: Error): void {
    const reason = `its results could not be stored: ${messageOf(error)}`;
    const cause = end.cause === 'ok' ? 'stage-out' : end.cause;
    onAttemptEnded(this.#core, lease, { ...end, cause, reason }, null, end.lastErrorLine);
  }

  /** The lease when the ticket is current and this worker's, also if it was taken for lost. */
  #leaseOf(worker: Worker, ticket: Ticket): Lease | null {
    const lease = this.#core.leases.get(ticket);
    if (lease) return lease.worker === worker.id ? lease : null;
    return readopt(this.#core, worker, ticket);
  }

  /** What the worker says it holds is the truth: the rest it never got, or must not have. */
  #reconcile(worker: Worker, request: SyncRequest): void {
    const holding = new Set(request.holding);
    for (const ticket of [...worker.leases]) {
      const lease = this.#core.leases.get(ticket);
      if (lease && !holding.has(ticket)) onUnused(this.#core, lease);
    }
    for (const ticket of worker.cancels.keys()) {
      if (!holding.has(ticket)) worker.cancels.delete(ticket);
    }
    for (const ticket of holding) {
      if (!this.#leaseOf(worker, ticket) && !worker.cancels.has(ticket)) {
        worker.cancels.set(ticket, 'superseded');
      }
    }
  }

  #give(worker: Worker, asksFor: number): readonly GrantedAttempt[] {
    if (asksFor <= 0 || this.#core.draining) return [];
    return dispatch(this.#core, [{ worker, asksFor }]).get(worker.id) ?? [];
  }

  #park(
    worker: Worker,
    request: SyncRequest,
    gone: AbortSignal,
  ): Promise<readonly GrantedAttempt[]> {
    return new Promise((resolve) => {
      const answer = (attempts: readonly GrantedAttempt[]): void => {
        clearTimeout(timer);
        gone.removeEventListener('abort', hangUp);
        if (this.#parked.get(worker.id)?.answer === answer) this.#parked.delete(worker.id);
        resolve(attempts);
      };
      const hangUp = (): void => answer([]);
      const timer = setTimeout(() => answer([]), Math.min(request.waitMs, LONGEST_WAIT_MS));
      gone.addEventListener('abort', hangUp);
      const { freeSlots: asksFor, dataVersion } = request;
      this.#parked.set(worker.id, { worker, asksFor, dataVersion, answer });
    });
  }

  #serveParked(): void {
    if (this.#parked.size === 0) return;
    const waiting = [...this.#parked.values()];
    // A poll may outlive its worker, and what a lost one were given would never expire.
    const takesWork = ({ worker, asksFor }: Parked): boolean =>
      asksFor > 0 && worker.state !== 'lost' && !isQuiet(this.#core, worker);
    const asking = this.#core.draining ? [] : waiting.filter(takesWork);
    const given = dispatch(this.#core, asking);
    for (const parked of waiting) {
      const attempts = given.get(parked.worker.id);
      const { cancels, recall } = parked.worker;
      const isToldMore =
        cancels.size > 0 ||
        recall ||
        this.#errands.of(parked.worker).length > 0 ||
        versionFor(this.#core, parked.worker) !== parked.dataVersion;
      if (attempts || isToldMore || this.#core.draining) {
        parked.answer(attempts ?? []);
      }
    }
  }

  #answer(worker: Worker, attempts: readonly GrantedAttempt[], request: SyncRequest): SyncResponse {
    const unknown = new Set(attempts.map((attempt) => attempt.job));
    const { jobs } = this.#core;
    for (const id of request.knownJobs) {
      if (worker.described.get(id) === jobs.get(id)?.spec) unknown.delete(id);
    }
    for (const id of unknown) worker.described.set(id, jobs.get(id)!.spec);
    const version = versionFor(this.#core, worker);
    const isNew = version !== request.dataVersion;
    worker.recall = false;
    return {
      protocol: PROTOCOL_VERSION,
      jobs: [...unknown].map((id) => describe(jobs.get(id)!)),
      attempts,
      cancel: [
        ...[...worker.cancels].map(([ticket, cause]) => ({ ticket, cause })),
        ...this.#recalled(worker).map((ticket) => ({ ticket, cause: 'recalled' as const })),
      ],
      errands: this.#errands.of(worker),
      data: isNew ? { version, wishes: wishesFor(this.#core, worker) } : null,
      settings: {
        leaseMs: this.#core.settings.leaseMs,
        slots: null,
        drain: this.#core.draining || worker.state === 'draining',
        stop: false,
        client: this.#clients.offerFor(worker),
        policy: this.#policyFor(request.policyVersion),
        tellWalls: worker.walls === null && this.#asksForWalls(),
        tellOffer: worker.offer === null,
      },
    };
  }

  #policyFor(version: string): SyncResponse['settings']['policy'] {
    const { site } = this.#core;
    return site.version === version ? null : { version: site.version, text: site.text };
  }

  #asksForWalls(): boolean {
    const { active, jobs } = this.#core;
    return [...active].some((id) => isDemanding(jobs.get(id)!.spec.isolation));
  }

  /** All it holds of paused jobs; only the worker knows which of them have started. */
  #recalled(worker: Worker): Ticket[] {
    const { jobs, leases } = this.#core;
    const recalled: Ticket[] = [];
    for (const ticket of worker.leases) {
      const lease = leases.get(ticket);
      if (lease && jobs.get(lease.job)?.state === 'paused') recalled.push(ticket);
    }
    return recalled;
  }

  /** Everybody who waits is answered at once; used when the server ends. */
  close(): void {
    for (const parked of [...this.#parked.values()]) parked.answer([]);
  }
}

/** The same moment by this machine's clock and by the worker's. */
interface Times {
  readonly nowMs: number;
  readonly atMs: number;
}

/**
 * The worker's times become moments of this machine: what happened so long ago by its clock did so
 * by ours. The two clocks are never compared.
 */
function timed(end: EndedAttempt, { nowMs, atMs }: Times, grantedAtMs: number): EndedAttempt {
  const endedAtMs = nowMs - Math.max(0, atMs - end.endedAtMs);
  const startedAtMs = endedAtMs - Math.max(0, end.endedAtMs - end.startedAtMs);
  return {
    ...end,
    startedAtMs: Math.max(startedAtMs, grantedAtMs),
    endedAtMs: Math.max(endedAtMs, grantedAtMs),
  };
}

/** Trouble that is more than the attempt's own, as processes that nothing ends: events of its task. */
function keepRemarks(core: Core, lease: Lease, worker: Worker, { remarks }: EndedAttempt): void {
  if (remarks.length === 0) return;
  const job = core.jobs.get(lease.job)!;
  const about = { actor: worker.name, worker: worker.name, ticket: lease.ticket };
  const tasks = [[lease.task, 1]] as const;
  for (const reason of remarks) addChange(core, job, { kind: 'remarked', reason, tasks, ...about });
}
