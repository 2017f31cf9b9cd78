/** What policies look at: what nobody asks for need not be measured or evaluated. */
import { type Ad, type Expression, findAttribute, namesThrough } from '#classad';
import { POLICY_AD_NAMES } from '#model';
import type { MachinePolicy, SitePolicy } from './site-policy.ts';

export interface PolicyNeeds {
  /** There is something to look at while a task runs. */
  readonly running: boolean;
  /** Names that it may depend on, in lower case; null: anything. */
  readonly names: ReadonlySet<string> | null;
}

const DURING = /^(periodic(hold|remove|vacate)|allowed(job|execute)duration|timerremove)$/;

/** Of a task that runs: its job's ad and the policies of the site and of its machine. */
export function policyNeeds(job: Ad, site: SitePolicy, machine: MachinePolicy | null): PolicyNeeds {
  const own = [...POLICY_AD_NAMES, 'timerremove'].filter((name) => findAttribute(job, name));
  const rules = [...site.hold, ...site.remove];
  const ofMachine = machine ? [machine.wantHold, machine.preempt] : [];
  const running =
    own.some((name) => DURING.test(name)) || rules.length > 0 || ofMachine.some((one) => one);
  const roots: (Expression | null)[] = [
    ...own.map((name) => findAttribute(job, name) ?? null),
    ...rules.flatMap(({ when, reason, subcode }) => [when, reason, subcode]),
    ...(machine ? Object.values(machine as unknown as Record<string, Expression | null>) : []),
  ];
  const attributesOf = (name: string) => {
    const attribute = findAttribute(job, name);
    return attribute ? [attribute] : [];
  };
  const known = roots.filter((one) => one !== null);
  return { running, names: namesThrough(known, attributesOf) };
}
