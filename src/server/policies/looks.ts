/** What the policies of a job and of its site look at, told from their text. */
import { type Expression, findAttribute, namesThrough } from '#classad';
import { POLICY_AD_NAMES, type TaskIndex } from '#model';
import type { SiteRule } from '#policy';
import { adOfJob, cellsOf } from '../ads/facts.ts';
import type { Core, Job, SiteRules } from '../core.ts';

export interface Looks {
  /** At what tells any two tasks of the job apart: numbers, parameters. */
  readonly atTask: boolean;
  /** At parameters. */
  readonly atRow: boolean;
}

const OF_ONE_TASK: readonly string[] = ['procid', 'globaljobid'];

interface Known {
  readonly spec: Job['spec'];
  readonly site: SiteRules;
  readonly looks: Looks;
}
const known = new WeakMap<Job, Known>();

export function looksOf({ site }: Core, job: Job): Looks {
  const before = known.get(job);
  if (before?.spec === job.spec && before.site === site) return before.looks;
  const looks = findOut(site, job);
  known.set(job, { spec: job.spec, site, looks });
  return looks;
}

function findOut({ policy: { hold, release, remove } }: SiteRules, job: Job): Looks {
  const ad = adOfJob(job);
  const ofSite = [...hold, ...release, ...remove].flatMap(expressionsOf);
  const attributesOf = (name: string) => [findAttribute(ad, name) ?? []].flat();
  const own = [...POLICY_AD_NAMES, 'timerremove'].flatMap(attributesOf);
  const names = namesThrough([...ofSite, ...own], attributesOf);
  const isNamed = (name: string) => names === null || names.has(name.toLowerCase());
  const atRow = job.columns.some(isNamed);
  return { atTask: atRow || OF_ONE_TASK.some(isNamed), atRow };
}

function expressionsOf({ when, reason, subcode }: SiteRule): Expression[] {
  return [when, reason, subcode].filter((one) => one !== null);
}

/** The row of the task where policies look at it; null elsewhere. */
export function cellsForPolicies(core: Core, job: Job, task: TaskIndex): readonly string[] | null {
  return looksOf(core, job).atRow ? cellsOf(job, task) : null;
}
