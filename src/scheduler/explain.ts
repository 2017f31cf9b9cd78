/** Why a job's waiting tasks do not start: from the same predicates that `plan` refuses with. */
import { jobRefusal, unfit, workerRefusal } from './filter.ts';
import { lackText } from './locality.ts';
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
  const reasons = workers.map(
    (worker) => workerRefusal(worker) ?? unfit(job, worker) ?? lackText(job, worker),
  );
  if (reasons.every((reason) => reason !== null)) {
    return grouped(workers.map(({ name }, index) => [name, reasons[index]!]));
  }
  const able = workers.filter((_, index) => reasons[index] === null);
  const slots = able.reduce((sum, worker) => sum + worker.slots, 0);
  return [`all ${slots} slots of ${able.length} able workers are taken`];
}

/** Reasons that are told; a cluster may have thousands of workers. */
const MOST_REASONS = 10;
const MOST_NAMES = 3;

/** `worker a: …`, `workers b, c, d and 4 more: …`, those of most workers first. */
function grouped(refusals: readonly (readonly [name: string, reason: string])[]): string[] {
  const names = new Map<string, string[]>();
  for (const [name, reason] of refusals) {
    const known = names.get(reason);
    if (known) known.push(name);
    else names.set(reason, [name]);
  }
  const groups = [...names].sort(([, a], [, b]) => b.length - a.length);
  const told = groups.slice(0, MOST_REASONS).map(([reason, all]) => `${namesText(all)}: ${reason}`);
  const left = groups.slice(MOST_REASONS).reduce((sum, [, all]) => sum + all.length, 0);
  return left === 0 ? told : [...told, `and ${left} more workers, each for a like reason`];
}

function namesText(names: readonly string[]): string {
  if (names.length === 1) return `worker ${names[0]}`;
  const more = names.length - MOST_NAMES;
  return `workers ${names.slice(0, MOST_NAMES).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
