/**
 * What becomes of a task by the policies of its job and its site. The order is HTCondor's: the first
 * that fires wins, and nothing else is looked at. Source: facts of its `user_job_policy`.
 */
import {
  type Ad,
  type Ambient,
  type Budget,
  type Evaluated,
  type Expression,
  evaluateFully,
  findAttribute,
  printNode,
  SHOWN,
  type Value,
} from '#classad';
import { type Hold, hold } from '#model';
import type { MachinePolicy, SitePolicy, SiteRule } from './site-policy.ts';

/** Of one expression: enough for any that a person writes; a hostile one ends within milliseconds. */
export const POLICY_BUDGET: Budget = { steps: 100_000, characters: 1 << 20, ms: 50 };

const LONGEST_REASON = 1000;
const IDLE = 1;
const RUNNING = 2;
const REMOVED = 3;
const COMPLETED = 4;
const HELD = 5;
const SUSPENDED = 7;
/** HTCondor's numbers beyond those of holds: the job's own policy, and the machine's, put it back. */
const JOB_POLICY_VACATE: Hold = { code: 1000, subcode: 0 };
const MACHINE_PREEMPTS: Hold = { code: 1011, subcode: 0 };

/**
 * `stay`: nothing fired. `leave`: it has ended and leaves the queue. `vacate`: what runs is stopped
 * and waits again. `requeue`: it has ended and is to run once more.
 */
export type Verdict = 'stay' | 'leave' | 'hold' | 'release' | 'remove' | 'vacate' | 'requeue';

export interface Decision {
  readonly verdict: Verdict;
  readonly reason: string;
  /** Of `hold` and `vacate`. */
  readonly hold: Hold | null;
  /** The attribute or macro that fired; `''`: none. */
  readonly fired: string;
}

export interface PolicySurround {
  readonly ambient: Ambient;
  readonly budget?: Budget;
  /** Told of every expression that was looked at, with its value. */
  readonly onLook?: (name: string, found: Evaluated) => void;
}

const STAY: Decision = { verdict: 'stay', reason: '', hold: null, fired: '' };
const LEAVE: Decision = { ...STAY, verdict: 'leave' };

/**
 * @param ad the task's: its job's policies are attributes of it
 * @param mode `exit` when its program has just ended by itself, with ExitCode, ExitBySignal … in the ad
 */
export function decide(
  ad: Ad,
  site: SitePolicy,
  mode: 'periodic' | 'exit',
  surround: PolicySurround,
): Decision {
  const look = new Look(ad, surround);
  const status = look.integer('JobStatus') ?? IDLE;
  if (status === REMOVED) return mode === 'exit' ? LEAVE : STAY;
  const found =
    (status === RUNNING || status === SUSPENDED ? whileItRuns(look, mode) : null) ??
    onTimer(look) ??
    (status === HELD || status === COMPLETED ? null : fires(look, 'PeriodicHold', site.hold)) ??
    (mayRelease(look, status, site) ? fires(look, 'PeriodicRelease', site.release) : null) ??
    fires(look, 'PeriodicRemove', site.remove);
  if (found) return found;
  return mode === 'exit' ? atExit(look) : STAY;
}

/** Durations and what puts a running task back. */
function whileItRuns(look: Look, mode: 'periodic' | 'exit'): Decision | null {
  const now = look.now();
  const since = look.integer('ShadowBday') ?? look.integer('JobCurrentStartDate');
  const allowed = look.integer('AllowedJobDuration');
  if (allowed !== null && since !== null && now - since >= allowed) {
    return tooLong(
      'AllowedJobDuration',
      `the job duration of ${allowed} seconds`,
      'JobDurationExceeded',
    );
  }
  const executing = look.integer('JobCurrentStartExecutingDate');
  const most = look.integer('AllowedExecuteDuration');
  if (most !== null && executing !== null && now - executing > most) {
    const what = `the execute duration of ${most} seconds`;
    return tooLong('AllowedExecuteDuration', what, 'JobExecuteExceeded');
  }
  if (mode === 'exit') return null;
  const vacate = own(look, 'PeriodicVacate', 'vacate');
  return vacate && { ...vacate, hold: JOB_POLICY_VACATE };
}

function tooLong(
  fired: string,
  what: string,
  code: 'JobDurationExceeded' | 'JobExecuteExceeded',
): Decision {
  return {
    verdict: 'hold',
    reason: `The job exceeded ${what} that it allows.`,
    hold: hold(code),
    fired,
  };
}

function onTimer(look: Look): Decision | null {
  if (!look.has('TimerRemove')) return null;
  const moment = look.integer('TimerRemove');
  if (moment === null) {
    const reason = 'The job attribute TimerRemove is there, but is no whole number.';
    return { verdict: 'hold', reason, hold: hold('JobPolicyUndefined'), fired: 'TimerRemove' };
  }
  if (moment >= look.now()) return null;
  const reason = `The time of the job attribute TimerRemove (${moment}) is over.`;
  return { verdict: 'remove', reason, hold: null, fired: 'TimerRemove' };
}

/** What a user holds stays held, and so does what was released too often. */
function mayRelease(look: Look, status: number, { maxReleases }: SitePolicy): boolean {
  if (status !== HELD || look.integer('HoldReasonCode') === 1) return false;
  return maxReleases < 0 || (look.integer('NumHolds') ?? 0) < maxReleases;
}

const VERDICTS = {
  PeriodicHold: 'hold',
  PeriodicRelease: 'release',
  PeriodicRemove: 'remove',
} as const;

/** The job's own expression, then the site's in their order. */
function fires(
  look: Look,
  name: keyof typeof VERDICTS,
  rules: readonly SiteRule[],
): Decision | null {
  const verdict = VERDICTS[name];
  return own(look, name, verdict) ?? ofSite(look, rules, verdict);
}

function own(look: Look, name: string, verdict: Verdict): Decision | null {
  const when = look.attribute(name);
  if (!when || !isTrue(look.value(name, when))) return null;
  const stock = `The job attribute ${name} expression '${textOf(when)}' evaluated to TRUE`;
  const reason = look.text(`${name}Reason`) ?? stock;
  const subcode = look.integer(`${name}SubCode`) ?? 0;
  return {
    verdict,
    reason: bounded(reason),
    hold: verdict === 'hold' ? hold('JobPolicy', subcode) : null,
    fired: name,
  };
}

function ofSite(look: Look, rules: readonly SiteRule[], verdict: Verdict): Decision | null {
  for (const rule of rules) {
    if (!isTrue(look.value(rule.macro, rule.when))) continue;
    const told = rule.reason && look.value(`${rule.macro}_REASON`, rule.reason);
    const stock = `The system macro ${rule.macro} expression '${textOf(rule.when)}' evaluated to TRUE`;
    const code = rule.subcode && look.value(`${rule.macro}_SUBCODE`, rule.subcode);
    return {
      verdict,
      reason: bounded(typeof told === 'string' && told !== '' ? told : stock),
      hold: verdict === 'hold' ? hold('SystemPolicy', integerOf(code ?? undefined) ?? 0) : null,
      fired: rule.macro,
    };
  }
  return null;
}

/** The program has ended by itself: on its own hold, then whether that was all. */
function atExit(look: Look): Decision {
  const isTold = look.has('ExitBySignal') && (look.has('ExitCode') || look.has('ExitSignal'));
  if (!isTold) return LEAVE;
  const held = own(look, 'OnExitHold', 'hold');
  if (held) return held;
  const remove = look.attribute('OnExitRemove');
  if (!remove || !isFalse(look.value('OnExitRemove', remove))) return LEAVE;
  const stock = `The job attribute OnExitRemove expression '${textOf(remove)}' evaluated to FALSE`;
  const reason = bounded(look.text('OnExitRemoveReason') ?? stock);
  return { verdict: 'requeue', reason, hold: null, fired: 'OnExitRemove' };
}

/**
 * The policy of a machine on a task that runs there: `WANT_HOLD` holds it, with `PREEMPT` only once
 * that is true as well; `PREEMPT` without `WANT_HOLD` puts it back. `MY` is the machine, `TARGET` the
 * task, and names that the machine lacks are the task's.
 */
export function decideOnMachine(
  machine: Ad,
  task: Ad,
  policy: MachinePolicy,
  surround: PolicySurround,
): Decision {
  const look = new Look(machine, surround, task);
  const { wantHold, preempt, wantHoldReason, wantHoldSubcode } = policy;
  const isPreempted = preempt === null ? null : isTrue(look.value('PREEMPT', preempt));
  if (isPreempted === false) return STAY;
  if (wantHold && isTrue(look.value('WANT_HOLD', wantHold))) {
    const told = wantHoldReason && look.value('WANT_HOLD_REASON', wantHoldReason);
    const code = wantHoldSubcode && look.value('WANT_HOLD_SUBCODE', wantHoldSubcode);
    const stock = `The machine's WANT_HOLD expression '${textOf(wantHold)}' evaluated to TRUE`;
    return {
      verdict: 'hold',
      reason: bounded(typeof told === 'string' && told !== '' ? told : stock),
      hold: hold('StartdHeldJob', integerOf(code ?? undefined) ?? 0),
      fired: 'WANT_HOLD',
    };
  }
  if (!isPreempted || !preempt) return STAY;
  const reason = `The machine's PREEMPT expression '${textOf(preempt)}' evaluated to TRUE`;
  return { verdict: 'vacate', reason: bounded(reason), hold: MACHINE_PREEMPTS, fired: 'PREEMPT' };
}

/** Evaluates in one ad, and tells what it has looked at. */
class Look {
  readonly #my: Ad;
  readonly #target: Ad | null;
  readonly #surround: PolicySurround;

  constructor(my: Ad, surround: PolicySurround, target: Ad | null = null) {
    this.#my = my;
    this.#target = target;
    this.#surround = surround;
  }

  now(): number {
    return Math.floor(this.#surround.ambient.now() / 1000);
  }

  attribute(name: string): Expression | undefined {
    return findAttribute(this.#my, name);
  }

  has(name: string): boolean {
    return this.attribute(name) !== undefined;
  }

  value(name: string, expression: Expression): Value {
    const { ambient, budget = POLICY_BUDGET, onLook } = this.#surround;
    const found = evaluateFully(expression, {
      my: this.#my,
      target: this.#target,
      ambient,
      budget,
    });
    onLook?.(name, found);
    return found.value;
  }

  /** The value of an attribute that a decision rests on; not told. */
  #plain(name: string): Value {
    const expression = this.attribute(name);
    if (!expression) return undefined;
    const { ambient, budget = POLICY_BUDGET } = this.#surround;
    return evaluateFully(expression, { my: this.#my, target: this.#target, ambient, budget }).value;
  }

  integer(name: string): number | null {
    return integerOf(this.#plain(name));
  }

  text(name: string): string | null {
    const value = this.#plain(name);
    return typeof value === 'string' && value !== '' ? value : null;
  }
}

function textOf(expression: Expression): string {
  return printNode(expression.node, SHOWN);
}

/** Numbers count by their whole part, so 0.5 is not true; texts, `undefined` and errors are neither. */
function isTrue(value: Value): boolean {
  const whole = wholeOf(value);
  return whole !== null && whole !== 0;
}

function isFalse(value: Value): boolean {
  return wholeOf(value) === 0;
}

function wholeOf(value: Value): number | null {
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'number' || typeof value === 'bigint') return Number(value);
  if (typeof value === 'object' && value.kind === 'real') {
    return Number.isNaN(value.value) ? null : Math.trunc(value.value);
  }
  return null;
}

function integerOf(value: Value): number | null {
  const whole = typeof value === 'boolean' ? null : wholeOf(value);
  return whole === null || !Number.isSafeInteger(whole) ? null : whole;
}

/** Reasons go into logs and onto terminals: one line of readable characters. */
function bounded(text: string): string {
  const line = text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').toWellFormed();
  return line.length <= LONGEST_REASON ? line : `${line.slice(0, LONGEST_REASON - 1)}…`;
}
