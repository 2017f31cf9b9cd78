/** What has come to be run: attempts that can begin, and those that cannot. */
import { type Ticket, usageOf } from '#model';
import type { EndedAttempt, GrantedAttempt } from '#wire';
import type { JobPlan } from './job-plan.ts';
import type { JobShelf } from './job-shelf.ts';

interface Offer {
  readonly plan: JobPlan;
  readonly grant: GrantedAttempt;
}

/**
 * Passes over what is held already: a repeated answer starts nothing a second time.
 *
 * @param nowMs of the clock of day
 */
export function sortGrants(
  grants: readonly GrantedAttempt[],
  held: ReadonlySet<Ticket>,
  jobs: Pick<JobShelf, 'get'>,
  nowMs: number,
): { offers: Offer[]; refused: EndedAttempt[] } {
  const seen = new Set(held);
  const offers: Offer[] = [];
  const refused: EndedAttempt[] = [];
  for (const grant of grants) {
    if (seen.has(grant.ticket)) continue;
    seen.add(grant.ticket);
    const plan = jobs.get(grant.job);
    if (plan && 'command' in plan) offers.push({ plan, grant });
    else refused.push(refusal(grant, plan?.fault ?? 'The server did not describe the job.', nowMs));
  }
  return { offers, refused };
}

/** An attempt that cannot even begin is answered like any other. */
function refusal({ ticket }: GrantedAttempt, reason: string, nowMs: number): EndedAttempt {
  return {
    inputs: [],
    ticket,
    cause: 'launch',
    exitCode: null,
    signal: null,
    reason,
    startedAtMs: nowMs,
    endedAtMs: nowMs,
    walls: null,
    usage: usageOf(0),
    parts: [],
    lastErrorLine: '',
    remarks: [],
    ruling: null,
  };
}
