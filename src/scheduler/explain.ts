/** Why a job's waiting tasks do not start: from the same predicates that `plan` refuses with. */
import { jobRefusal, unfit, workerRefusal } from './filter.ts';
import type { JobView, WorkerView } from './snapshot.ts';

/**
 * @param workers every worker that is connected, asking or not
 * @returns sentences, the most decisive first; empty when tasks are on their way
 */
export function explain(
  job: JobView,
  workers: readonly (WorkerView & { readonly name: string })[],
  stopped: string | null,
): string[] {
  if (stopped !== null) return [`nothing is handed out: ${stopped}`];
  const refusal = jobRefusal(job);
  if (refusal !== null) return job.ready + job.delayed === 0 && !job.paused ? [] : [refusal];
  if (workers.length === 0) return ['no worker is connected'];
  const reasons = workers.map((worker) => workerRefusal(worker) ?? unfit(job, worker));
  if (reasons.every((reason) => reason !== null)) {
    return workers.map((worker, index) => `worker ${worker.name}: ${reasons[index]}`);
  }
  const able = workers.filter((_, index) => reasons[index] === null);
  const slots = able.reduce((sum, worker) => sum + worker.slots, 0);
  return [`all ${slots} slots of ${able.length} able workers are taken`];
}
