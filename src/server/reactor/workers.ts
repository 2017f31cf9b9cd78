/** Workers come, are heard of, misbehave, and are lost. */
import { formatDuration } from '#base';
import type { AttemptRecord, MachineWalls } from '#model';
import type { Core, Worker } from '../core.ts';

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
  readonly draining: boolean;
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
  known.draining = news.draining;
  touchWorker(core, known);
  if (known.state === 'lost') setWorkerState(core, known, 'active', 'it came back', 'server');
  if (news.draining && known.state === 'active') {
    setWorkerState(core, known, 'draining', 'it was asked to finish', 'worker');
  }
  return known;
}

function onWorkerNew(core: Core, news: WorkerNews): Worker {
  const now = core.clock.now();
  const worker: Worker = {
    ...news,
    state: 'active',
    stateReason: 'it connected',
    stateActor: 'worker',
    stateAtMs: now,
    sequence: 0,
    lastHeardMs: core.clock.monotonic(),
    lastHeardAtMs: now,
    leases: new Set(),
    usedSlots: 0,
    usedMemoryBytes: 0,
    machineFailures: 0,
    pausedUntilMs: 0,
    cancels: new Map(),
    recall: false,
    done: 0,
    failed: 0,
    firstSeenMs: now,
  };
  core.workers.set(news.id, worker);
  if (news.kind === 'sync') {
    const { id, name, platform, slots } = worker;
    const stored = { id, name, platform, slots, firstSeenMs: now, lastSeenMs: now };
    core.commit.add({ kind: 'worker', worker: stored });
    core.happened({ kind: 'worker', worker: id });
  }
  return worker;
}

export function touchWorker(core: Core, worker: Worker): void {
  worker.lastHeardMs = core.clock.monotonic();
  worker.lastHeardAtMs = core.clock.now();
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

export function onMachineGood(worker: Worker): void {
  worker.machineFailures = 0;
  worker.done++;
}

/** Several failures of the machine in a row: a pause, longer each time, but never the last worker. */
export function onMachineFailed(core: Core, worker: Worker, record: AttemptRecord): void {
  worker.machineFailures++;
  worker.failed++;
  if (worker.machineFailures < FAILURES_IN_A_ROW || worker.state !== 'active') return;
  const others = [...core.workers.values()].some(
    (other) => other !== worker && other.state === 'active' && other.kind === 'sync',
  );
  if (!others) return;
  const doublings = worker.machineFailures - FAILURES_IN_A_ROW;
  const pauseMs = Math.min(LONGEST_PAUSE_MS, PAUSE_MS * 2 ** doublings);
  worker.pausedUntilMs = core.clock.now() + pauseMs;
  const times = `${worker.machineFailures} failures of the machine in a row`;
  const last = `${record.cause}${record.reason ? `, ${record.reason}` : ''}`;
  const reason = `${times} (last: ${last}); tried again in ${formatDuration(pauseMs)}`;
  setWorkerState(core, worker, 'paused', reason, 'server');
}
