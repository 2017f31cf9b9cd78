/** Why tasks wait: what the scheduler sees of a job and of all workers, taken apart. */
import { explain, type Why, whyNot } from '#scheduler';
import type { Core, Job } from '../core.ts';
import { stoppedReason, viewOfJob, viewOfWorker } from '../dispatch.ts';
import { limitsOf } from '../reactor/sharing.ts';

/** What the scheduler says of a job that has tasks waiting. */
export function whyWaiting(core: Core, job: Job): Why {
  const nowMs = core.clock.monotonic();
  const workers = [...core.workers.values()]
    .filter((worker) => worker.state !== 'lost' && worker.kind === 'sync')
    .map((worker) => ({ ...viewOfWorker(core, worker, 0, nowMs), name: worker.name }));
  return whyNot(viewOfJob(core, job, nowMs), workers, {
    stopped: stoppedReason(core),
    limits: limitsOf(core),
    ambient: core.ambient,
  });
}

export function waitingSentences(job: Job, why: Why): string[] {
  return explain(why, job.tasks.ready + job.tasks.delayed > 0 || job.state === 'paused');
}
