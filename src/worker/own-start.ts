/**
 * The machine's own word on what starts on it. The server matches with what it was told last; here START is
 * looked at once more, with the machine as it is at that moment, before anything of an attempt begins.
 * What it does not let in goes back unused, and its job is left out for a while.
 */
import type { Clock } from '#base';
import { type Ad, evaluateAttribute, findAttribute, localAmbient, truthOf } from '#classad';
import { type JobId, withRow } from '#model';
import type { GrantedAttempt } from '#wire';
import type { JobPlan } from './job-plan.ts';
import type { AgentLog } from './port.ts';

/** A job that was not let in is not given out to this machine for so long. */
const DECLINE_MS = 10_000;
const BUDGET = { steps: 20_000, characters: 1 << 16, ms: 20 } as const;

export interface OwnStartOptions {
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: AgentLog;
  /** As it is at this moment. */
  readonly machineAd: () => Ad;
}

interface Offer {
  readonly plan: JobPlan;
  readonly grant: GrantedAttempt;
}

export class OwnStart {
  readonly #options: OwnStartOptions;
  /** Until when, of the monotonic clock. */
  readonly #declined = new Map<JobId, number>();

  constructor(options: OwnStartOptions) {
    this.#options = options;
  }

  /** Jobs of which this machine wants nothing for now. */
  declined(): JobId[] {
    const nowMs = this.#options.clock.monotonic();
    for (const [job, untilMs] of this.#declined) if (untilMs <= nowMs) this.#declined.delete(job);
    return [...this.#declined.keys()];
  }

  letIn<One extends Offer>(offers: readonly One[]): One[] {
    if (offers.length === 0) return [];
    const machine = this.#options.machineAd();
    const start = findAttribute(machine, 'start');
    if (start?.node.kind === 'literal' && truthOf(start.node.value) === true) return [...offers];
    return offers.filter((offer) => this.#lets(machine, offer) || this.#decline(offer));
  }

  #lets(machine: Ad, { plan, grant }: Offer): boolean {
    const ad = plan.ad();
    if (!ad) return true;
    const { clock, random } = this.#options;
    const ambient = localAmbient({
      now: () => clock.now(),
      random,
      elapsedMs: () => clock.monotonic(),
    });
    const target = withRow(ad, plan.job.columns, grant.cells);
    return (
      truthOf(evaluateAttribute(machine, 'start', { target, ambient, budget: BUDGET })) === true
    );
  }

  #decline({ grant: { job, ticket } }: Offer): false {
    const { clock, log } = this.#options;
    this.#declined.set(job, clock.monotonic() + DECLINE_MS);
    log.info({ job, ticket }, 'START does not let a task in at this moment: it goes back');
    return false;
  }
}
