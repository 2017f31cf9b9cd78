/**
 * Policies that tell tasks apart which nothing else does, by their numbers: they are looked at when
 * a task is about to start, for nothing loops over tasks that wait.
 */
import { type Expression, findAttribute, namesIn } from '#classad';
import { POLICY_AD_NAMES, type TaskIndex } from '#model';
import { adOfJob } from '../ads/facts.ts';
import type { Core, Job, SiteRules } from '../core.ts';
import { ruleTasks } from '../reactor/hold.ts';
import { decideIdle, hasIdlePolicies, rulingOf } from './rulings.ts';

const OF_ONE_TASK: readonly string[] = ['procid', 'globaljobid'];

interface Known {
  readonly spec: Job['spec'];
  readonly site: SiteRules;
  readonly isPerTask: boolean;
}
const known = new WeakMap<Job, Known>();

/** Whether tasks of the job that are alike otherwise may fare differently. */
export function perTaskPolicies(core: Core, job: Job): boolean {
  const before = known.get(job);
  if (before?.spec === job.spec && before.site === core.site) return before.isPerTask;
  const isPerTask = hasIdlePolicies(core, job) && looksAtTask(core, job);
  known.set(job, { spec: job.spec, site: core.site, isPerTask });
  return isPerTask;
}

function looksAtTask({ site }: Core, job: Job): boolean {
  const ad = adOfJob(job);
  const rules = [...site.policy.hold, ...site.policy.release, ...site.policy.remove];
  const open: Expression[] = rules.map(({ when }) => when);
  for (const name of [...POLICY_AD_NAMES, 'timerremove']) {
    const own = findAttribute(ad, name);
    if (own) open.push(own);
  }
  const seen = new Set<string>();
  for (let expression = open.pop(); expression; expression = open.pop()) {
    const { names, isOpen } = namesIn(expression.node);
    if (isOpen || OF_ONE_TASK.some((name) => names.has(name))) return true;
    for (const name of names) {
      const attribute = seen.has(name) ? undefined : findAttribute(ad, name);
      seen.add(name);
      if (attribute) open.push(attribute);
    }
  }
  return false;
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
