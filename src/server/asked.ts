/** Tasks that are given more than their job asks for: kinds of their own for the scheduler. */
import { type Ad, adOfValues } from '#classad';
import type { Asked, JobSpec, ResourceRequest, TaskIndex } from '#model';
import type { JobView } from '#scheduler';
import type { Job } from './core.ts';
import { adForTask } from './row-kinds.ts';

export function askedOf(job: Job, task: TaskIndex): Asked | null {
  return job.notes.get(task)?.asked ?? null;
}

export function requestWith(request: ResourceRequest, asked: Asked | null): ResourceRequest {
  if (!asked) return request;
  const { memoryBytes, diskBytes } = asked;
  return { ...request, memoryBytes, diskBytes };
}

/** Back to waiting, at `notBeforeMs` of the monotonic clock or later (0: at once). */
export function giveBack(job: Job, task: TaskIndex, notBeforeMs: number): void {
  const asked = askedOf(job, task);
  // Rows of one kind that ask for the same are one kind.
  if (asked) job.tasks.park(task, JSON.stringify({ ...asked, row: job.kinds?.of[task] }));
  else job.tasks.giveBack(task, notBeforeMs);
}

/** One view for each kind of such tasks; its id, below 0, is only this plan's. */
export function viewsOfParked(
  job: Job,
  view: JobView,
  nextId: () => number,
): { readonly view: JobView; readonly key: string }[] {
  return job.tasks.parkedKinds().map(([key, ready, example]) => {
    const asked = JSON.parse(key) as Asked;
    const request = requestWith(view.request, asked);
    const ad = adOfKind(job, key, asked, example);
    return { key, view: { ...view, id: nextId(), request, ad, ready, delayed: 0, running: 0 } };
  });
}

/** Kept, for what was found out of an ad is kept with it. */
const ads = new WeakMap<JobSpec, Map<string, Ad>>();

function adOfKind(
  job: Job,
  key: string,
  { memoryBytes, diskBytes }: Asked,
  example: TaskIndex,
): Ad {
  const known = ads.get(job.spec) ?? new Map<string, Ad>();
  ads.set(job.spec, known);
  const made = known.get(key);
  if (made) return made;
  const amounts = {
    RequestMemory: Math.ceil(memoryBytes / 2 ** 20),
    RequestDisk: Math.ceil(diskBytes / 1024),
  };
  const ad = adOfValues(amounts, adForTask(job, example));
  known.set(key, ad);
  return ad;
}
