/**
 * Policies that tell tasks apart which nothing else does, by their numbers or parameters: they are
 * looked at when a task is about to start, for nothing loops over tasks that wait.
 */
import type { TaskIndex } from '#model';
import type { Core, Job } from '../core.ts';
import { ruleTasks } from '../reactor/hold.ts';
import { looksOf } from './looks.ts';
import { decideIdle, hasIdlePolicies, rulingOf } from './rulings.ts';

/** Whether tasks of the job that are alike otherwise may fare differently. */
export function perTaskPolicies(core: Core, job: Job): boolean {
  return hasIdlePolicies(core, job) && looksOf(core, job).atTask;
}

/** Those of the tasks that may start; what policies hold or remove is held or removed here. */
export function passedByPolicies(core: Core, job: Job, tasks: readonly TaskIndex[]): TaskIndex[] {
  return tasks.filter((task) => {
    const decision = decideIdle(core, job, job.notes.get(task) ?? null, task, 'waiting');
    const ruling = rulingOf(decision);
    if (!ruling || ruling.to === 'waiting') return true;
    ruleTasks(core, job, [[task, 1]], { ...ruling, to: ruling.to }, [job.tasks.state(task)]);
    return false;
  });
}
