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

interface JobSide extends Side {
  /** By kind of machine, of `age`. */
  verdicts: Map<number, Verdict>;
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
      const verdicts = new Map<number, Verdict>();
      side = { ...sideOf(ad), verdicts, age: this.#age, allowanceMs: BURST_MS, allowedAtMs };
      this.#jobs.set(ad, side);
    }
    if (side.age !== this.#age) {
      side.verdicts = new Map();
      side.age = this.#age;
    }
    return side;
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

  get age(): number {
    return this.#age;
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

/** What is asked of a matchmaker within one plan. */
export class Look {
  readonly #matchmaker: Matchmaker;
  readonly #deadlineMs: number;
  readonly #kinds = new Map<Ad, number>();
  #age: number;
  #isUnfinished = false;

  constructor(matchmaker: Matchmaker, deadlineMs: number) {
    this.#matchmaker = matchmaker;
    this.#deadlineMs = deadlineMs;
    this.#age = matchmaker.age;
  }

  /** There was no time to find out everything: another look goes on from here. */
  get isUnfinished(): boolean {
    return this.#isUnfinished;
  }

  /** Null: not found out yet. */
  verdict(job: Ad, machine: Ad): Verdict | null {
    const matchmaker = this.#matchmaker;
    const machineSide = matchmaker.machineSide(machine);
    const jobSide = matchmaker.jobSide(job);
    if (isPlain(jobSide) && isPlain(machineSide)) return YES;
    const kind = this.#kindOf(machine);
    const known = jobSide.verdicts.get(kind);
    if (known !== undefined) return known;
    const isLate = matchmaker.ambient.elapsedMs() > this.#deadlineMs;
    const verdict = isLate ? null : matchmaker.judge(jobSide, machineSide);
    if (verdict === null) this.#isUnfinished = true;
    else jobSide.verdicts.set(kind, verdict);
    return verdict;
  }

  /** Whether the machine prefers some jobs to others. */
  hasPreference(machine: Ad): boolean {
    return this.#matchmaker.machineSide(machine).rank !== null;
  }

  /** Whether the job prefers some machines to others. */
  hasRank(job: Ad): boolean {
    return this.#matchmaker.jobSide(job).rank !== null;
  }

  #kindOf(machine: Ad): number {
    if (this.#age !== this.#matchmaker.age) {
      // A new ad asks for more: kinds are finer from now on.
      this.#kinds.clear();
      this.#age = this.#matchmaker.age;
    }
    let kind = this.#kinds.get(machine);
    if (kind === undefined) {
      kind = this.#matchmaker.kindOf(machine);
      this.#kinds.set(machine, kind);
    }
    return kind;
  }
}

function isPlain({ requirements, rank }: Side): boolean {
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
  saysNothing: (value: Value) => boolean,
): Expression | null {
  if (expression === undefined) return null;
  const { node } = expression;
  return node.kind === 'literal' && saysNothing(node.value) ? null : expression;
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
