/**
 * Requirements and ranks of jobs and machines. The work grows with the kinds of machines times the
 * kinds of jobs: machines of which every attribute that anybody asks for has the same value are
 * one kind, and what came of a job and a kind is remembered for as long as neither changes.
 */
import {
  type Ad,
  type Ambient,
  type Attribute,
  type Evaluated,
  type Expression,
  evaluateFully,
  findAttribute,
  isAdOfThing,
  type Node,
  namesIn,
  numberOf,
  printNode,
  truthOf,
  type Value,
} from '#classad';

/** What came of a job and a machine. */
export interface Verdict {
  /** Each is what the other requires. */
  readonly fits: boolean;
  /** How much the job likes the machine; 0 where it says nothing. */
  readonly rank: number;
  /** How much the machine likes the job; 0 where it says nothing. */
  readonly preference: number;
}

/** One evaluation: a thousand times what a person's requirements take. */
export const MATCH_BUDGET = { steps: 20_000, characters: 1 << 16, ms: 20 } as const;
/** Of one look, during which leases wait. */
const LOOK_MS = 100;
/** Evaluations that a look makes however long they take. */
const LEAST_JUDGED = 10;
/** One job may have so much of it, so that others have their turn in the same look. */
const SHARE_OF_LOOK = 0.25;
/** A job may at once spend this on evaluations, and get back this share of the time that passes. */
const BURST_MS = 1000;
const SHARE_OF_TIME = 0.05;
/** What depends on the clock or on chance is asked again after this. */
const MOVING_KEEP_MS = 5000;
/** Kinds of machines that are remembered; a figure that changes all the time makes ever new ones. */
const MOST_KINDS = 50_000;

const NO: Verdict = { fits: false, rank: 0, preference: 0 };
const YES: Verdict = { fits: true, rank: 0, preference: 0 };

/** One side of a match, taken apart once. */
interface Side {
  readonly ad: Ad;
  /** Null: true of everything. */
  readonly requirements: Expression | null;
  /** Null: the same for everything. */
  readonly rank: Expression | null;
}

export interface JobSide extends Side {
  /** By kind of machine, of `age`. */
  verdicts: (Verdict | undefined)[];
  age: number;
  allowanceMs: number;
  allowedAtMs: number;
}

export class Matchmaker {
  readonly #ambient: Ambient;
  readonly #jobs = new WeakMap<Ad, JobSide>();
  readonly #machines = new WeakMap<Ad, Side>();
  /** Ads of which the expressions are among `#names`. */
  readonly #known = new WeakSet<Ad>();
  /** Every name that any expression of a job or a machine asks for. */
  readonly #names = new Set<string>();
  #isOpen = false;
  #isMoving = false;
  readonly #kinds = new Map<string, number>();
  /** Grows whenever what is remembered may be wrong. */
  #age = 0;
  #bornMs = 0;

  constructor(ambient: Ambient) {
    this.#ambient = ambient;
  }

  get ambient(): Ambient {
    return this.#ambient;
  }

  /** For one plan: nothing changes while it is made. */
  look(): Look {
    const nowMs = this.#ambient.elapsedMs();
    const isStale = this.#isMoving && nowMs - this.#bornMs > MOVING_KEEP_MS;
    if (isStale || this.#kinds.size > MOST_KINDS) this.#forget();
    return new Look(this, nowMs + LOOK_MS);
  }

  #forget(): void {
    this.#age++;
    this.#kinds.clear();
    this.#bornMs = this.#ambient.elapsedMs();
  }

  jobSide(ad: Ad): JobSide {
    let side = this.#jobs.get(ad);
    if (side === undefined) {
      this.#learn(ad);
      const allowedAtMs = this.#ambient.elapsedMs();
      side = { ...sideOf(ad), verdicts: [], age: this.#age, allowanceMs: BURST_MS, allowedAtMs };
      this.#jobs.set(ad, side);
    }
    this.refresh(side);
    return side;
  }

  /** Verdicts of another age are about other kinds. */
  refresh(side: JobSide): void {
    if (side.age === this.#age) return;
    side.verdicts = [];
    side.age = this.#age;
  }

  machineSide(ad: Ad): Side {
    const known = this.#machines.get(ad);
    if (known) return known;
    this.#learn(ad);
    const side = sideOf(ad);
    this.#machines.set(ad, side);
    return side;
  }

  /** The number of the machine's kind, as of this moment. */
  kindOf(ad: Ad): number {
    const values = this.#isOpen
      ? [...attributesOf(ad)].map(([name, attribute]) => `${name}=${textOf(attribute)}`)
      : [...this.#names].map((name) => textOf(attributeOf(ad, name)));
    const text = values.join('\0');
    let kind = this.#kinds.get(text);
    if (kind === undefined) {
      kind = this.#kinds.size;
      this.#kinds.set(text, kind);
    }
    return kind;
  }

  /** Null: the job has spent what it may for now. */
  judge(job: JobSide, machine: Side): Verdict | null {
    const startedMs = this.#ambient.elapsedMs();
    const earnedMs = (startedMs - job.allowedAtMs) * SHARE_OF_TIME;
    job.allowanceMs = Math.min(BURST_MS, job.allowanceMs + earnedMs);
    job.allowedAtMs = startedMs;
    if (job.allowanceMs <= 0) return null;
    const verdict = this.#match(job, machine);
    job.allowanceMs -= this.#ambient.elapsedMs() - startedMs;
    return verdict;
  }

  #match(job: Side, machine: Side): Verdict {
    if (!this.#holds(job, machine) || !this.#holds(machine, job)) return NO;
    if (job.rank === null && machine.rank === null) return YES;
    return {
      fits: true,
      rank: this.#rank(job, machine),
      preference: this.#rank(machine, job),
    };
  }

  #holds({ ad, requirements }: Side, { ad: target }: Side): boolean {
    return requirements === null || truthOf(this.#value(requirements, ad, target).value) === true;
  }

  /** What is no number ranks as 0; infinities come before and after all others. */
  #rank({ ad, rank }: Side, { ad: target }: Side): number {
    if (rank === null) return 0;
    const value = numberOf(this.#value(rank, ad, target).value) ?? 0;
    return Number.isNaN(value) ? 0 : value;
  }

  #value(expression: Expression, my: Ad, target: Ad): Evaluated {
    return evaluateFully(expression, { my, target, ambient: this.#ambient, budget: MATCH_BUDGET });
  }

  /** Notes what the expressions of an ad, and of those it is chained to, may ask for. */
  #learn(ad: Ad): void {
    let isNew = false;
    for (let at: Ad | null = ad; at && !this.#known.has(at); at = at.chained) {
      this.#known.add(at);
      if (isAdOfThing(at)) continue;
      for (const { expression } of at.attributes.values()) {
        if (expression.node.kind === 'literal') continue;
        const { names, isOpen, isMoving } = namesIn(expression.node);
        const before = this.#names.size;
        for (const name of names) this.#names.add(name);
        isNew ||= this.#names.size > before || (isOpen && !this.#isOpen);
        this.#isOpen ||= isOpen;
        this.#isMoving ||= isMoving;
      }
    }
    if (isNew) this.#forget();
  }
}

/** A machine as one plan sees it. */
export interface Machine extends Side {
  /** Two of one kind get the same verdicts. */
  readonly kind: number;
}

/** What is asked of a matchmaker within one plan: ads do not change while it is made. */
export class Look {
  readonly #matchmaker: Matchmaker;
  readonly #deadlineMs: number;
  /** By job: evaluations of this look, and how long they took. */
  readonly #spent = new Map<JobSide, { count: number; ms: number }>();
  #count = 0;
  #isUnfinished = false;

  constructor(matchmaker: Matchmaker, deadlineMs: number) {
    this.#matchmaker = matchmaker;
    this.#deadlineMs = deadlineMs;
  }

  /** There was no time to find out everything: another look goes on from here. */
  get isUnfinished(): boolean {
    return this.#isUnfinished;
  }

  /** All jobs are to be made known before the first machine: what they ask for tells kinds apart. */
  job(ad: Ad): JobSide {
    return this.#matchmaker.jobSide(ad);
  }

  machines(ads: readonly Ad[]): Machine[] {
    const sides = ads.map((ad) => this.#matchmaker.machineSide(ad));
    return sides.map((side) => ({ ...side, kind: this.#matchmaker.kindOf(side.ad) }));
  }

  /** Whether each is what the other requires, as far as is known; for single questions. */
  fits(job: Ad, machine: Ad): boolean {
    const side = this.job(job);
    const [one] = this.machines([machine]);
    return this.verdict(side, one!)?.fits === true;
  }

  /** Null: not found out yet. */
  verdict(job: JobSide, machine: Machine): Verdict | null {
    const matchmaker = this.#matchmaker;
    // A machine's policy may have made kinds finer since the job was looked at.
    matchmaker.refresh(job);
    const known = job.verdicts[machine.kind];
    if (known !== undefined) return known;
    if (saysNothing(job) && saysNothing(machine)) return YES;
    const spent = this.#spent.get(job) ?? { count: 0, ms: 0 };
    this.#spent.set(job, spent);
    const beforeMs = matchmaker.ambient.elapsedMs();
    const verdict = this.#isLate(spent, beforeMs) ? null : matchmaker.judge(job, machine);
    if (verdict === null) {
      this.#isUnfinished = true;
      return null;
    }
    spent.count++;
    spent.ms += matchmaker.ambient.elapsedMs() - beforeMs;
    this.#count++;
    job.verdicts[machine.kind] = verdict;
    return verdict;
  }

  /** Time may have gone to other processes: a few evaluations are always made. */
  #isLate(spent: { readonly count: number; readonly ms: number }, nowMs: number): boolean {
    const isOver = nowMs > this.#deadlineMs && this.#count >= LEAST_JUDGED;
    return isOver || (spent.ms > LOOK_MS * SHARE_OF_LOOK && spent.count >= LEAST_JUDGED);
  }
}

function saysNothing({ requirements, rank }: Side): boolean {
  return requirements === null && rank === null;
}

/** `Requirements` of a machine leads to its `Start`. */
function sideOf(ad: Ad): Side {
  return {
    ad,
    requirements: unless(followed(ad, 'requirements'), (value) => truthOf(value) === true),
    rank: unless(followed(ad, 'rank'), (value) => value === undefined || numberOf(value) !== null),
  };
}

/** An attribute whose expression is another one's name stands for that. */
function followed(ad: Ad, name: string): Expression | undefined {
  const found = findAttribute(ad, name);
  const isName = found?.node.kind === 'name' && !found.node.absolute;
  return isName ? (findAttribute(ad, (found.node as { name: string }).name) ?? found) : found;
}

/** Null for an expression that is missing, or a literal that says nothing. */
function unless(
  expression: Expression | undefined,
  isIdle: (value: Value) => boolean,
): Expression | null {
  if (expression === undefined) return null;
  const { node } = expression;
  return node.kind === 'literal' && isIdle(node.value) ? null : expression;
}

function attributeOf(ad: Ad, lowerName: string): Attribute | undefined {
  for (let at: Ad | null = ad; at; at = at.chained) {
    const found = at.attributes.get(lowerName);
    if (found) return found;
  }
  return undefined;
}

function* attributesOf(ad: Ad): Generator<readonly [string, Attribute]> {
  for (let at: Ad | null = ad; at; at = at.chained) yield* at.attributes;
}

const texts = new WeakMap<Node, string>();

/** Different values have different texts. */
function textOf(attribute: Attribute | undefined): string {
  if (attribute === undefined) return '';
  const { node } = attribute.expression;
  if (node.kind === 'literal' && typeof node.value !== 'object') {
    return typeof node.value === 'string' ? `"${node.value}` : String(node.value);
  }
  let text = texts.get(node);
  if (text === undefined) {
    text = printNode(node);
    if (node.kind !== 'literal') texts.set(node, text);
  }
  return text;
}
