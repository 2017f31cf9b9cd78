/** The one predicate that refuses: `plan` uses it to place, `explain` to say why not. */
import { formatBytes, formatDuration } from '#base';
import type { JobView, WorkerView } from './snapshot.ts';
import { wallsRefusal } from './walls.ts';

/** Why a worker takes nothing at all, or null. */
export function workerRefusal(worker: WorkerView): string | null {
  if (worker.draining) return 'it is finishing and takes no new work';
  if (worker.paused) return 'it is paused after failures of the machine';
  if (worker.slots === 0 && worker.unkillable > 0) {
    return 'processes that SIGKILL does not end keep its slots';
  }
  if (!worker.isKnown) return 'it has not told its policy yet';
  return null;
}

/** Why a job gives nothing out, or null. */
export function jobRefusal(job: JobView): string | null {
  if (job.paused) return 'the job is paused';
  if (job.staging !== null) return job.staging;
  if (job.ready > 0) return null;
  return job.delayed > 0 ? 'its tasks wait before they are tried again' : 'no task of it waits';
}

/** Why this worker could never run a task of this job, or null. */
export function unfit(job: JobView, worker: WorkerView): string | null {
  const { cpus, memoryBytes, diskBytes, gpus, timeMs } = job.request;
  const { remainingMs } = worker;
  if (worker.declines.has(job.job)) return 'its START, looked at there, does not let the job in';
  // It has ever less time: what does not fit now never will.
  if (remainingMs !== null && timeMs > remainingMs) {
    return `a task of the job takes up to ${formatDuration(timeMs)} and it ends in ${formatDuration(Math.max(0, remainingMs))}`;
  }
  if (cpus > worker.slots) return `the job asks for ${cpus} CPUs and it has ${worker.slots} slots`;
  if (gpus > worker.gpus) {
    return `the job asks for ${gpus} GPU${gpus === 1 ? '' : 's'} and it has ${worker.gpus || 'none'}`;
  }
  if (exceeds(memoryBytes, worker.memoryBytes)) {
    return `the job asks for ${formatBytes(memoryBytes)} of memory and it has ${formatBytes(worker.memoryBytes)}`;
  }
  if (exceeds(diskBytes, worker.diskFreeBytes)) {
    return `the job asks for ${formatBytes(diskBytes)} of disk and it has ${formatBytes(worker.diskFreeBytes)} free`;
  }
  return wallsRefusal(job.isolation, worker.walls);
}

/** 0 stands for nothing asked for, and for nothing said. */
function exceeds(wanted: number, there: number): boolean {
  return wanted > 0 && there > 0 && wanted > there;
}

/** How many attempts of the job fit on the worker now. */
export function room(job: JobView, worker: WorkerView): number {
  const { request } = job;
  const { used, slots, memoryBytes, diskFreeBytes, gpus } = worker;
  return Math.max(
    0,
    Math.min(
      worker.asksFor,
      roomInTime(job, worker),
      // One-CPU tasks may queue at the worker; others need the slots themselves.
      request.cpus <= 1 ? Number.POSITIVE_INFINITY : times(slots - used.cpus, request.cpus),
      memoryBytes === 0
        ? Number.POSITIVE_INFINITY
        : times(memoryBytes - used.memoryBytes, request.memoryBytes),
      // What running attempts have written of their share is taken off twice: rather too little.
      diskFreeBytes === 0
        ? Number.POSITIVE_INFINITY
        : times(diskFreeBytes - used.diskBytes, request.diskBytes),
      times(gpus - used.gpus, request.gpus),
    ),
  );
}

/** How often `request` fits into what is left; sums of fractions are not exact. */
function times(left: number, request: number): number {
  return request === 0 ? Number.POSITIVE_INFINITY : Math.floor(left / request + 1e-9);
}

/** What waits at the worker behind what runs must be able to end in time too. */
function roomInTime(job: JobView, { remainingMs, slots, used }: WorkerView): number {
  const { timeMs } = job.request;
  if (remainingMs === null || timeMs === 0) return Number.POSITIVE_INFINITY;
  return Math.floor(remainingMs / timeMs) * slots - Math.ceil(used.cpus);
}
