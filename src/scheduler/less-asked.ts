/** What a job would have to ask less of, so that machines which have all else would do. */
import { formatBytes } from '#base';
import { unfit } from './filter.ts';
import type { JobView, WorkerView } from './snapshot.ts';

type Resource = 'cpus' | 'memoryBytes' | 'diskBytes' | 'gpus';

const RESOURCES: Readonly<
  Record<Resource, { of(worker: WorkerView): number; text(amount: number): string }>
> = {
  cpus: { of: ({ slots }) => slots, text: (amount) => `${amount} CPU${amount === 1 ? '' : 's'}` },
  memoryBytes: {
    of: ({ memoryBytes }) => memoryBytes,
    text: (amount) => `${formatBytes(amount)} of memory`,
  },
  diskBytes: {
    of: ({ diskFreeBytes }) => diskFreeBytes,
    text: (amount) => `${formatBytes(amount)} of disk`,
  },
  gpus: { of: ({ gpus }) => gpus, text: (amount) => `${amount} GPU${amount === 1 ? '' : 's'}` },
};

/** By resource: the most that a machine has which lacks this alone, and the slots of all such. */
export type LessAsked = Map<Resource, { most: number; slots: number }>;

/** Counts a machine that the job does not fit, and whose only lack is one resource. */
export function countLess(less: LessAsked, job: JobView, worker: WorkerView): void {
  for (const [resource, { of }] of Object.entries(RESOURCES) as [
    Resource,
    (typeof RESOURCES)[Resource],
  ][]) {
    if (unfit({ ...job, request: { ...job.request, [resource]: 0 } }, worker) !== null) continue;
    const known = less.get(resource) ?? { most: 0, slots: 0 };
    const most = Math.max(known.most, of(worker));
    less.set(resource, { most, slots: known.slots + worker.slots });
  }
}

/** `asking for at most 22 GiB of memory, 2 more slots would do` */
export function lessSentences(less: LessAsked): string[] {
  return [...less].map(([resource, { most, slots }]) => {
    const would = `${slots} more slot${slots === 1 ? '' : 's'} would do`;
    if (most === 0) return `asking for no ${resource === 'gpus' ? 'GPU' : 'such thing'}, ${would}`;
    return `asking for at most ${RESOURCES[resource].text(most)}, ${would}`;
  });
}
