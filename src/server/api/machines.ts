/** Workers, and what happens. */
import { efficiencyOf } from '#results';
import type { ApiEvent, ApiHandlers, WorkerView } from '#wire';
import { sieveOf, sift, toldOf } from '../ads/sieve.ts';
import type { Core, Happening, Worker } from '../core.ts';
import { setWorkerState } from '../reactor/workers.ts';
import { progressOf, summaryOf } from './jobs.ts';
import { type ApiParts, workerOf } from './parts.ts';

type MachineHandlers = Pick<ApiHandlers, 'listWorkers' | 'changeWorker' | 'watchEvents'>;

export function machineHandlers(parts: ApiParts): MachineHandlers {
  const { core } = parts;
  return {
    async listWorkers({ query }) {
      const sieve = sieveOf(query, core.ambient);
      const workers: WorkerView[] = [];
      for await (const { item, ad } of sift(sieve, [[...core.workers.values()]], ({ ad }) => ad)) {
        workers.push({ ...viewOf(core, item), ad: toldOf(sieve, ad) });
      }
      return { workers };
    },

    async changeWorker({ params, body }, { actor }) {
      const worker = workerOf(core, params.worker);
      const { action } = body;
      const reason = body.reason || `${action} by command`;
      const state = ({ pause: 'paused', resume: 'active', drain: 'draining' } as const)[action];
      setWorkerState(core, worker, state, reason, actor);
      const order = state === 'active' ? null : { state, reason, actor, atMs: worker.stateAtMs };
      if (order) core.orders.set(worker.id, order);
      else core.orders.delete(worker.id);
      core.commit.add({ kind: 'worker-ordered', worker: worker.id, order });
      worker.pausedUntilMs = 0;
      if (action === 'resume') worker.machineFailures = 0;
      core.wake();
      await core.commit.durable();
      return viewOf(core, worker);
    },

    async watchEvents({ query }, { signal }) {
      const { job = null, after = null, kinds } = query;
      const wish = { job, after, kinds: kinds === undefined ? null : new Set(kinds.split(',')) };
      return parts.events.watch(wish, signal);
    },
  };
}

function viewOf(core: Core, worker: Worker): WorkerView {
  const { machine, totals } = worker;
  const nowMs = core.clock.monotonic();
  return {
    worker: worker.id,
    name: worker.name,
    platform: worker.platform,
    version: worker.version,
    address: worker.address,
    state: worker.state,
    reason: worker.stateReason,
    changedAtMs: worker.stateAtMs,
    actor: worker.stateActor,
    slots: worker.slots,
    busySlots: busySlots(worker),
    cpus: machine?.cpus ?? null,
    loadAverage: machine?.loadAverage ?? null,
    memoryBytes: worker.memoryBytes,
    memoryFreeBytes: machine?.memoryFreeBytes ?? null,
    diskFreeBytes: worker.diskFreeBytes,
    gpus: worker.gpus,
    busyGpus: worker.used.gpus,
    roundTripMs: machine?.roundTripMs ?? null,
    connectedAtMs: worker.firstSeenMs,
    lastHeardAtMs: worker.lastHeardAtMs,
    silentMs: Math.max(0, nowMs - worker.lastHeardMs),
    leaseMs: worker.leaseMs,
    endsInMs: worker.endsAtMs === null ? null : Math.max(0, worker.endsAtMs - nowMs),
    ...totals,
    busyShare: efficiencyOf(totals.busyMs, worker.slots, nowMs - worker.firstHeardMs),
  };
}

export function busySlots({ slots, used }: Worker): number {
  return Math.min(slots, Math.ceil(used.cpus));
}

/** How watchers see what happened. */
export function describeHappening(core: Core, what: Happening, id: number): ApiEvent | null {
  const atMs = core.clock.now();
  if (what.kind === 'worker') {
    const worker = core.workers.get(what.worker);
    if (!worker) return null;
    const { name, state, stateReason: reason } = worker;
    return { id, atMs, kind: 'worker', worker: worker.id, name, state, reason };
  }
  if (what.kind === 'trace' || what.kind === 'trap' || what.kind === 'data')
    return { id, atMs, ...what };
  const job = core.jobs.get(what.job);
  if (!job) return null;
  const counts = job.tasks.counts();
  switch (what.kind) {
    case 'progress':
      return { id, atMs, kind: 'progress', job: job.id, counts, progress: progressOf(core, job) };
    case 'job': {
      const { state, reason, actor } = summaryOf(job);
      return { id, atMs, kind: 'job', job: job.id, state, reason, actor, counts };
    }
    case 'task': {
      const { task, state, ticket, reason, actor } = what;
      const cause = what.cause as never;
      return { id, atMs, kind: 'task', job: job.id, task, ticket, state, cause, reason, actor };
    }
  }
}
