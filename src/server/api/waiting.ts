/** Why tasks wait: what the scheduler sees of a job and of all workers, taken apart. */
import type { TaskIndex } from '#model';
import { explain, type JobView, type Why, whyNot } from '#scheduler';
import { askedOf, requestWith, viewsOfParked } from '../asked.ts';
import type { Core, Job } from '../core.ts';
import { stoppedReason, viewOfJob, viewOfWorker } from '../dispatch.ts';
import { limitsOf } from '../reactor/sharing.ts';
import { adForTask, rowKindText, viewsOfRows } from '../row-kinds.ts';

/** Kinds of rows that are told of; there may be hundreds. */
const MOST_KINDS = 5;

/** What the scheduler says of a job that has tasks waiting, or of one of them. */
export function whyWaiting(core: Core, job: Job, task: TaskIndex | null = null): Why {
  const view = viewOfJob(core, job, core.clock.monotonic());
  return whyView(core, task === null ? exampleOf(job, view) : partWith(job, view, task));
}

/** The part of the job that the task belongs to. */
function partWith(job: Job, view: JobView, task: TaskIndex): JobView {
  const ad = adForTask(job, task);
  const asked = askedOf(job, task);
  return asked
    ? { ...view, ad, request: requestWith(view.request, asked), ready: 1 }
    : { ...view, ad };
}

/** The first part of the job that has tasks ready. */
function exampleOf(job: Job, view: JobView): JobView {
  const parts = viewsOfRows(job, view, () => job.id).filter((one) => one.view.ready > 0);
  // Tasks that are given more than their job asks for wait for other machines than the rest.
  const [grown] = job.tasks.ready > 0 ? [] : viewsOfParked(job, view, () => job.id);
  return (parts[0] ?? grown)?.view ?? view;
}

function whyView(core: Core, view: JobView): Why {
  const nowMs = core.clock.monotonic();
  const workers = [...core.workers.values()]
    .filter((worker) => worker.state !== 'lost' && worker.kind === 'sync')
    .map((worker) => ({ ...viewOfWorker(core, worker, 0, nowMs), name: worker.name }));
  return whyNot(view, workers, {
    stopped: stoppedReason(core),
    limits: limitsOf(core),
    ambient: core.ambient,
  });
}

export function waitingSentences(job: Job, why: Why): string[] {
  const { ready, delayed } = job.tasks;
  const waits = ready + delayed > 0 || job.tasks.parkedKinds().length > 0;
  return explain(why, waits || job.state === 'paused');
}

/** The same of a whole job, of which rows may wait for different machines. */
export function jobSentences(core: Core, job: Job, why: Why): string[] {
  const { kinds } = job;
  if (!kinds || why.stopped !== null || job.state === 'paused') return waitingSentences(job, why);
  const view = viewOfJob(core, job, core.clock.monotonic());
  const waiting = viewsOfRows(job, view, () => job.id).filter((one) => one.view.ready > 0);
  if (waiting.length === 0) return waitingSentences(job, why);
  const told = waiting.slice(0, MOST_KINDS).flatMap((one) => {
    const rows = `rows with ${rowKindText(kinds, one.kind)} (${one.view.ready})`;
    return explain(whyView(core, one.view), true).map((sentence) => `${rows}: ${sentence}`);
  });
  const left = waiting.length - MOST_KINDS;
  return left > 0 ? [...told, `and ${left} more kinds of rows`] : told;
}
