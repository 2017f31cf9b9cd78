/** What policies look at: what nobody asks for need not be measured or evaluated. */
import { type Ad, type Expression, findAttribute, namesIn } from '#classad';
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
  return { running, names: namesThrough(roots, job) };
}

/** Names of these expressions and of the job's own attributes that they lead to. */
function namesThrough(roots: readonly (Expression | null)[], job: Ad): ReadonlySet<string> | null {
  const seen = new Set<string>();
  const open = roots.filter((one) => one !== null);
  for (let expression = open.pop(); expression; expression = open.pop()) {
    const { names, isOpen } = namesIn(expression.node);
    if (isOpen) return null;
    for (const name of names) {
      if (seen.has(name)) continue;
      seen.add(name);
      const attribute = findAttribute(job, name);
      if (attribute) open.push(attribute);
    }
  }
  return seen;
}
