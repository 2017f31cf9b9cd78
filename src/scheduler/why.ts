/**
 * Why a job's waiting tasks do not start: from the same predicates that `plan` refuses with, taken
 * apart. Machines of which the answer is the same are told together.
 */
import {
  type Ad,
  type Ambient,
  conjunctsOf,
  type Exhausted,
  type Expression,
  evaluateFully,
  explain,
  expressionOf,
  findAttribute,
  type Node,
  printNode,
  truthOf,
  typeOf,
} from '#classad';
import { adviceFor } from './advice.ts';
import { jobRefusal, room, unfit, workerRefusal } from './filter.ts';
import { countLess, type LessAsked, lessSentences } from './less-asked.ts';
import { limitRefusal } from './limits.ts';
import { lackText } from './locality.ts';
import { MATCH_BUDGET } from './matchmaker.ts';
import type { JobView, Limit, WorkerView } from './snapshot.ts';

export type NamedWorker = WorkerView & { readonly name: string };

/** What one part of the requirements does to the slots of all machines. */
export interface ConjunctTable {
  readonly text: string;
  readonly trueSlots: number;
  readonly falseSlots: number;
  readonly undefinedSlots: number;
  readonly errorSlots: number;
  /** Slots that would do if only this part were not there. */
  readonly aloneSlots: number;
  /** The sub-expression that has no value, where it has none; on `example`. */
  readonly part: string | null;
  readonly example: string | null;
}

/** Machines that take nothing of the job, for one reason. */
export interface Refusal {
  readonly by: 'worker' | 'resources' | 'requirements' | 'start';
  readonly reason: string;
  readonly workers: number;
  readonly slots: number;
  /** The first few names. */
  readonly names: readonly string[];
}

export interface Why {
  /** Why nothing at all is handed out, or null. */
  readonly stopped: string | null;
  /** Why the job gives nothing out, or null. */
  readonly refusal: string | null;
  readonly workers: number;
  readonly slots: number;
  /** Machines that would run it. */
  readonly able: {
    readonly workers: number;
    readonly slots: number;
    readonly freeSlots: number;
    /** Attempts that they could begin now. */
    readonly room: number;
  };
  readonly conjuncts: readonly ConjunctTable[];
  /** Those of most slots first. */
  readonly refusals: readonly Refusal[];
  /** What would have to change. */
  readonly advice: readonly string[];
  /** Machines that were not looked at, because it took too long. */
  readonly unseen: number;
}

export interface Surroundings {
  readonly stopped: string | null;
  readonly limits: ReadonlyMap<string, Limit>;
  readonly ambient: Ambient;
}

/** Taking apart what thousands of machines say is broken off after this. */
const LOOK_MS = 300;
const MOST_CONJUNCTS = 100;
const NAMES = 3;
/** Of a part of requirements, as it is told. */
const LONGEST_TEXT = 300;

export function whyNot(
  job: JobView,
  workers: readonly NamedWorker[],
  { stopped, limits, ambient }: Surroundings,
): Why {
  const seen = new Seen(job, ambient);
  const deadlineMs = ambient.elapsedMs() + LOOK_MS;
  let unseen = 0;
  for (const worker of workers) {
    if (ambient.elapsedMs() > deadlineMs) unseen++;
    else seen.look(worker);
  }
  const refusal = jobRefusal(job) ?? limitRefusal(job, limits);
  const { able, conjuncts } = seen;
  const refusals = seen.refusals();
  const slots = workers.reduce((sum, worker) => sum + worker.slots, 0);
  const advice =
    able.workers > 0
      ? []
      : [
          ...lessSentences(seen.less),
          ...adviceFor(job, workers, conjuncts.map(tableOf), seen.nodes),
        ];
  const tables = conjuncts.map(tableOf);
  return {
    stopped,
    refusal,
    workers: workers.length,
    slots,
    able,
    conjuncts: tables,
    refusals,
    advice,
    unseen,
  };
}

interface Counted {
  readonly expression: Expression;
  readonly table: { -readonly [Key in keyof ConjunctTable]: ConjunctTable[Key] };
}

const tableOf = ({ table }: Counted): ConjunctTable => table;

/** Counts while machines are looked at. */
class Seen {
  readonly less: LessAsked = new Map();
  readonly able = { workers: 0, slots: 0, freeSlots: 0, room: 0 };
  readonly conjuncts: readonly Counted[];
  readonly #job: JobView;
  readonly #ambient: Ambient;
  readonly #refusals = new Map<
    string,
    { by: Refusal['by']; workers: number; slots: number; names: string[] }
  >();

  constructor(job: JobView, ambient: Ambient) {
    this.#job = job;
    this.#ambient = ambient;
    const requirements = findAttribute(job.ad, 'requirements');
    const isTrue = requirements?.node.kind === 'literal' && requirements.node.value === true;
    const parts = requirements && !isTrue ? partsOf(requirements.node) : [];
    this.conjuncts = parts.map((node) => ({
      expression: expressionOf(node),
      table: newTable(node),
    }));
  }

  get nodes(): readonly Node[] {
    return this.conjuncts.map(({ expression }) => expression.node);
  }

  look(worker: NamedWorker): void {
    const refused = this.#requirements(worker);
    const own = workerRefusal(worker);
    const lacking = unfit(this.#job, worker);
    if (own === null && refused === null && lacking !== null)
      countLess(this.less, this.#job, worker);
    const start = own === null && lacking === null && refused === null ? this.#start(worker) : null;
    const lack = lackText(this.#job, worker);
    if (own !== null) this.#refuse('worker', own, worker);
    else if (lacking !== null) this.#refuse('resources', lacking, worker);
    else if (refused !== null) this.#refuse('requirements', refused, worker);
    else if (start !== null) this.#refuse('start', start, worker);
    else if (lack !== null) this.#refuse('resources', lack, worker);
    else {
      this.able.workers++;
      this.able.slots += worker.slots;
      const free = Math.max(0, Math.floor(worker.slots - worker.used.cpus));
      this.able.freeSlots += free;
      this.able.room += room(this.#job, { ...worker, asksFor: free });
    }
  }

  refusals(): Refusal[] {
    const told = [...this.#refusals].map(([reason, one]) => ({ reason, ...one }));
    return told.sort((a, b) => b.slots - a.slots || b.workers - a.workers);
  }

  #refuse(by: Refusal['by'], reason: string, { name, slots }: NamedWorker): void {
    const known = this.#refusals.get(reason) ?? { by, workers: 0, slots: 0, names: [] };
    this.#refusals.set(reason, known);
    known.workers++;
    known.slots += slots;
    if (known.names.length < NAMES) known.names.push(name);
  }

  /** Why the machine is not what the job requires, or null; every part is counted. */
  #requirements(worker: NamedWorker): string | null {
    const failed: { table: Counted['table']; type: string }[] = [];
    for (const { expression, table } of this.conjuncts) {
      const { type, spent } = this.#truth(expression, this.#job.ad, worker.ad);
      table[COUNTERS[type]] += worker.slots;
      if (type === 'true') continue;
      failed.push({ table, type: `${type}${spent}` });
      if (type === 'false' || table.part !== null) continue;
      const { my, target, ambient } = {
        my: this.#job.ad,
        target: worker.ad,
        ambient: this.#ambient,
      };
      table.part = cut(
        explain(expression.node, { my, target, ambient, budget: MATCH_BUDGET })?.part,
      );
      table.example = worker.name;
    }
    const [first] = failed;
    if (!first) return null;
    if (failed.length === 1) first.table.aloneSlots += worker.slots;
    return `it is not what the job requires: ${first.table.text} is ${first.type}`;
  }

  /** Why the machine's own policy does not let the job start, or null. */
  #start({ ad }: NamedWorker): string | null {
    const start = findAttribute(ad, 'start') ?? findAttribute(ad, 'requirements');
    if (!start) return null;
    for (const node of partsOf(start.node)) {
      const { type, spent } = this.#truth(expressionOf(node), ad, this.#job.ad);
      if (type === 'true') continue;
      const surround = { my: ad, target: this.#job.ad, ambient: this.#ambient };
      const part = explain(node, { ...surround, budget: MATCH_BUDGET })?.part;
      const why =
        part === undefined || part === printNode(node) ? '' : `, because ${cut(part)} is ${type}`;
      return `its START does not let the job in: ${cut(printNode(node))} is ${type}${spent}${why}`;
    }
    return null;
  }

  #truth(expression: Expression, my: Ad, target: Ad): Truth {
    const { value, exhausted } = evaluateFully(expression, {
      my,
      target,
      ambient: this.#ambient,
      budget: MATCH_BUDGET,
    });
    const truth = truthOf(value);
    const spent = exhausted === null ? '' : `, for it takes too ${SPENT[exhausted]}`;
    if (typeof truth === 'boolean') return { type: truth ? 'true' : 'false', spent };
    return { type: typeOf(truth) === 'undefined' ? 'undefined' : 'error', spent };
  }
}

interface Truth {
  readonly type: keyof typeof COUNTERS;
  /** `''`, or that its budget ended it. */
  readonly spent: string;
}

const SPENT: Readonly<Record<Exhausted, string>> = {
  steps: 'many steps',
  nesting: 'much nesting',
  characters: 'much text',
  time: 'long',
};

const COUNTERS = {
  true: 'trueSlots',
  false: 'falseSlots',
  undefined: 'undefinedSlots',
  error: 'errorSlots',
} as const;

/** All of it as one part where there are more parts than anybody would read. */
function partsOf(node: Node): readonly Node[] {
  const parts = conjunctsOf(node);
  return parts.length > MOST_CONJUNCTS ? [node] : parts;
}

function cut(text: string): string;
function cut(text: string | undefined): string | null;
function cut(text: string | undefined): string | null {
  if (text === undefined) return null;
  return text.length <= LONGEST_TEXT ? text : `${text.slice(0, LONGEST_TEXT - 1)}…`;
}

function newTable(node: Node): Counted['table'] {
  return {
    text: cut(printNode(node)),
    ...{ trueSlots: 0, falseSlots: 0, undefinedSlots: 0, errorSlots: 0, aloneSlots: 0 },
    part: null,
    example: null,
  };
}
