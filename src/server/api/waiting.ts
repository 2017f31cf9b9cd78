/** Why tasks wait: what the scheduler sees of a job and of all workers, taken apart. */
import { explain, type Why, whyNot } from '#scheduler';
import { viewsOfParked } from '../asked.ts';
import type { Core, Job } from '../core.ts';
import { stoppedReason, viewOfJob, viewOfWorker } from '../dispatch.ts';
import { limitsOf } from '../reactor/sharing.ts';

/** What the scheduler says of a job that has tasks waiting. */
export function whyWaiting(core: Core, job: Job): Why {
  const nowMs = core.clock.monotonic();
  const workers = [...core.workers.values()]
    .filter((worker) => worker.state !== 'lost' && worker.kind === 'sync')
    .map((worker) => ({ ...viewOfWorker(core, worker, 0, nowMs), name: worker.name }));
  const view = viewOfJob(core, job, nowMs);
  // Tasks that are given more than their job asks for wait for other machines than the rest.
  const [grown] = job.tasks.ready > 0 ? [] : viewsOfParked(job, view, () => job.id);
  return whyNot(grown?.view ?? view, workers, {
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
