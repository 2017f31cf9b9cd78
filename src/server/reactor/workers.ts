/** Workers come, are heard of, misbehave, and are lost. */
import { formatDuration } from '#base';
import { adOfValues } from '#classad';
import { type AttemptRecord, BLAME, type MachineOffer, type MachineWalls } from '#model';
import { NO_AMOUNTS, NO_DECLINES } from '#scheduler';
import type { MachineFigures } from '#wire';
import { adOfWorker } from '../ads/facts.ts';
import type { Core, Worker } from '../core.ts';
import { newWorkerData } from '../data-orders.ts';

/** Failures in a row, all the machine's doing, after which it is given nothing for a while. */
const FAILURES_IN_A_ROW = 3;
const PAUSE_MS = 10_000;
const LONGEST_PAUSE_MS = 600_000;

export interface WorkerNews {
  readonly id: string;
  readonly name: string;
  readonly platform: string;
  readonly version: string;
  readonly address: string;
  readonly kind: 'sync' | 'open';
  readonly slots: number;
  readonly memoryBytes: number;
  readonly diskFreeBytes: number;
  readonly walls: MachineWalls | null;
  /** Null: as told before. */
  readonly offer: MachineOffer | null;
  readonly gpus: number;
  readonly machine: MachineFigures | null;
  readonly remainingMs: number | null;
  readonly draining: boolean;
  readonly awayMs: number;
  readonly leaseMs: number;
}

/** A worker spoke: its lease is renewed, and it is remembered when it is new. */
export function onWorkerHeard(core: Core, news: WorkerNews): Worker {
  if (news.kind === 'sync' && news.slots > 0) core.slotsByName.set(news.name, news.slots);
  const known = core.workers.get(news.id);
  if (!known) return onWorkerNew(core, news);
  known.name = news.name;
  known.platform = news.platform;
  known.version = news.version;
  known.address = news.address;
  known.slots = news.slots;
  known.memoryBytes = news.memoryBytes;
  known.diskFreeBytes = news.diskFreeBytes;
  known.walls = news.walls;
  takeOffer(known, news.offer);
  known.gpus = news.gpus;
  known.machine = news.machine;
  known.endsAtMs = endsAtMs(core, news);
  known.leaseMs = news.leaseMs;
  known.draining = news.draining;
  touchWorker(core, known);
  if (known.state === 'lost') onWorkerBack(core, known);
  if (news.draining && known.state === 'active') {
    setWorkerState(core, known, 'draining', 'it was asked to finish', 'worker');
  }
  return known;
}

/** A lost lease ends neither what somebody has ordered nor the server's own pause. */
function onWorkerBack(core: Core, worker: Worker): void {
  const order = core.orders.get(worker.id);
  const pauseMs = worker.pausedUntilMs - core.clock.monotonic();
  if (order) {
    setWorkerState(core, worker, order.state, `it came back; ${order.reason}`, 'server');
    obeyOrder(core, worker);
  } else if (pauseMs > 0) {
    const reason = `${timesFailed(worker)}; tried again in ${formatDuration(pauseMs)}`;
    setWorkerState(core, worker, 'paused', reason, 'server');
  } else setWorkerState(core, worker, 'active', 'it came back', 'server');
}

/** Told as a time that is left, so that no clock of the worker's matters here. */
function endsAtMs(core: Core, { remainingMs }: WorkerNews): number | null {
  return remainingMs === null ? null : core.clock.monotonic() + remainingMs;
}

function onWorkerNew(core: Core, news: WorkerNews): Worker {
  const now = core.clock.now();
  const nowMonotonicMs = core.clock.monotonic();
  const { remainingMs: _remainingMs, awayMs, ...rest } = news;
  const worker: Worker = {
    ...rest,
    ad: adOfValues({}),
    endsAtMs: endsAtMs(core, news),
    state: 'active',
    stateReason: 'it connected',
    stateActor: 'worker',
    stateAtMs: now,
    sequence: 0,
    lastHeardMs: nowMonotonicMs,
    lastHeardAtMs: now,
    leases: new Set(),
    used: NO_AMOUNTS,
    machineFailures: 0,
    pausedUntilMs: 0,
    cancels: new Map(),
    declines: NO_DECLINES,
    described: new Map(),
    recall: false,
    data: newWorkerData(core.nextDataTag()),
    peer: null,
    stager: '',
    inputStore: null,
    totals: { done: 0, failed: 0, busyMs: 0, cpuMs: 0 },
    firstSeenMs: now,
    firstHeardMs: nowMonotonicMs,
  };
  worker.ad = adOfWorker(worker);
  core.workers.set(news.id, worker);
  obeyOrder(core, worker);
  if (news.kind === 'sync') {
    const { id, name, platform, slots } = worker;
    const stored = { id, name, platform, slots, firstSeenMs: now, lastSeenMs: now, awayMs };
    core.commit.add({ kind: 'worker', worker: stored });
    core.happened({ kind: 'worker', worker: id });
  }
  return worker;
}

function takeOffer(worker: Worker, offer: MachineOffer | null): void {
  if (offer === null || sameOffer(offer, worker.offer)) return;
  worker.offer = offer;
  worker.ad = adOfWorker(worker);
}

function sameOffer(a: MachineOffer, b: MachineOffer | null): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** It was told so before it was lost, or when an earlier run of this server knew it. */
function obeyOrder(core: Core, worker: Worker): void {
  const order = core.orders.get(worker.id);
  if (!order) return;
  worker.state = order.state;
  worker.stateReason = order.reason;
  worker.stateActor = order.actor;
  worker.stateAtMs = order.atMs;
}

export function touchWorker(core: Core, worker: Worker): void {
  worker.lastHeardMs = core.clock.monotonic();
  worker.lastHeardAtMs = core.clock.now();
}

/**
 * Whether renewals are missing: they come four to a lease of the server's. What such a worker were
 * given might lie in a dead connection until its lease is over.
 */
export function isQuiet({ clock, settings }: Core, { lastHeardMs }: Worker): boolean {
  return clock.monotonic() - lastHeardMs > settings.leaseMs / 2;
}

/** Its lease is renewed between two syncs; a poll that was passed over may get something now. */
export function onRenewed(core: Core, worker: Worker): void {
  const wasQuiet = isQuiet(core, worker);
  touchWorker(core, worker);
  if (wasQuiet) core.wake();
}

export function setWorkerState(
  core: Core,
  worker: Worker,
  state: Worker['state'],
  reason: string,
  actor: string,
): void {
  worker.state = state;
  worker.stateReason = reason;
  worker.stateActor = actor;
  worker.stateAtMs = core.clock.now();
  if (worker.kind === 'open') return;
  core.commit.add({
    kind: 'event',
    atMs: worker.stateAtMs,
    job: null,
    event: `worker-${state}`,
    actor,
    text: `${worker.name}: ${reason}`,
  });
  core.happened({ kind: 'worker', worker: worker.id });
}

/** An attempt of its own has ended: what it did is counted, and whether the machine is to blame. */
export function onWorkersEnd(
  core: Core,
  worker: Worker,
  record: AttemptRecord,
  cpus: number,
): void {
  const { totals } = worker;
  const { wallMs, cpuUserMs, cpuSystemMs } = record.usage;
  totals.busyMs += wallMs * cpus;
  totals.cpuMs += (cpuUserMs ?? 0) + (cpuSystemMs ?? 0);
  if (record.cause === 'ok') totals.done++;
  else totals.failed++;
  if (record.cause === 'ok') worker.machineFailures = 0;
  else if (BLAME[record.cause] === 'machine') onMachineFailed(core, worker, record);
}

/** Several failures of the machine in a row: a pause, longer each time, but never the last worker. */
function onMachineFailed(core: Core, worker: Worker, record: AttemptRecord): void {
  worker.machineFailures++;
  if (worker.machineFailures < FAILURES_IN_A_ROW || worker.state !== 'active') return;
  if (!isAnyActive(core, worker)) return;
  const doublings = worker.machineFailures - FAILURES_IN_A_ROW;
  const pauseMs = Math.min(LONGEST_PAUSE_MS, PAUSE_MS * 2 ** doublings);
  worker.pausedUntilMs = core.clock.monotonic() + pauseMs;
  const last = `${record.cause}${record.reason ? `, ${record.reason}` : ''}`;
  const reason = `${timesFailed(worker)} (last: ${last}); tried again in ${formatDuration(pauseMs)}`;
  setWorkerState(core, worker, 'paused', reason, 'server');
}

function timesFailed({ machineFailures }: Worker): string {
  return `${machineFailures} failures of the machine in a row`;
}

function isAnyActive(core: Core, except: Worker | null): boolean {
  for (const worker of core.workers.values()) {
    if (worker !== except && worker.state === 'active' && worker.kind === 'sync') return true;
  }
  return false;
}

/**
 * Ends the server's own pauses that are over. When the last active worker has gone meanwhile, the
 * pause that ends first is over too: a bad machine is better than none.
 */
export function endPauses(core: Core): void {
  const paused = [...core.workers.values()].filter(
    ({ state, pausedUntilMs }) => state === 'paused' && pausedUntilMs > 0,
  );
  if (paused.length === 0) return;
  const now = core.clock.monotonic();
  for (const worker of paused) {
    if (worker.pausedUntilMs <= now) endPause(core, worker, 'its pause is over');
  }
  if (isAnyActive(core, null)) return;
  const [first] = paused.sort((a, b) => a.pausedUntilMs - b.pausedUntilMs);
  if (first) endPause(core, first, 'no other worker is left');
}

function endPause(core: Core, worker: Worker, reason: string): void {
  worker.pausedUntilMs = 0;
  setWorkerState(core, worker, 'active', reason, 'server');
  core.wake();
}
