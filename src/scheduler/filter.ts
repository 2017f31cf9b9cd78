/** The one predicate that refuses: `plan` uses it to place, `explain` to say why not. */
import { formatBytes, formatDuration } from '#base';
import type { JobView, WorkerView } from './snapshot.ts';
import { wallsRefusal } from './walls.ts';

/** Why a worker takes nothing at all, or null. */
export function workerRefusal(worker: WorkerView): string | null {
  if (worker.draining) return 'it is finishing and takes no new work';
  if (worker.paused) return 'it is paused after failures of the machine';
  return null;
}

/** Why a job gives nothing out, or null. */
export function jobRefusal(job: JobView): string | null {
  if (job.paused) return 'the job is paused';
  if (job.ready > 0) return null;
  return job.delayed > 0 ? 'its tasks wait before they are tried again' : 'no task of it waits';
}

/** Why this worker could never run a task of this job, or null. */
export function unfit(job: JobView, worker: WorkerView): string | null {
  const { cpus, memoryBytes, timeMs } = job.request;
  const { remainingMs } = worker;
  // It has ever less time: what does not fit now never will.
  if (remainingMs !== null && timeMs > remainingMs) {
    return `a task of the job takes up to ${formatDuration(timeMs)} and it ends in ${formatDuration(Math.max(0, remainingMs))}`;
  }
  if (cpus > worker.slots) return `the job asks for ${cpus} CPUs and it has ${worker.slots} slots`;
  if (memoryBytes > 0 && worker.memoryBytes > 0 && memoryBytes > worker.memoryBytes) {
    return `the job asks for ${formatBytes(memoryBytes)} and it has ${formatBytes(worker.memoryBytes)}`;
  }
  return wallsRefusal(job.isolation, worker.walls);
}

/** How many attempts of the job fit on the worker now. */
export function room(job: JobView, worker: WorkerView): number {
  const { cpus, memoryBytes } = job.request;
  const most = Math.min(worker.asksFor, roomInTime(job, worker));
  // One-CPU tasks without a memory request may queue at the worker; others need the slot itself.
  const byCpu =
    cpus <= 1 ? worker.asksFor : Math.floor((worker.slots - worker.usedSlots) / cpus + 1e-9);
  if (memoryBytes === 0 || worker.memoryBytes === 0) {
    return Math.max(0, Math.min(byCpu, most));
  }
  const byMemory = Math.floor((worker.memoryBytes - worker.usedMemoryBytes) / memoryBytes);
  return Math.max(0, Math.min(byCpu, byMemory, most));
}

/** What waits at the worker behind what runs must be able to end in time too. */
function roomInTime(job: JobView, { remainingMs, slots, usedSlots }: WorkerView): number {
  const { timeMs } = job.request;
  if (remainingMs === null || timeMs === 0) return Number.POSITIVE_INFINITY;
  return Math.floor(remainingMs / timeMs) * slots - Math.ceil(usedSlots);
}
