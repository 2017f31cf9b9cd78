/**
 * The policies of a site, in the form that administrators of HTCondor write them:
 * `SYSTEM_PERIODIC_HOLD = …`, named ones by `SYSTEM_PERIODIC_HOLD_NAMES`, `…_REASON`, `…_SUBCODE`,
 * `SYSTEM_MAX_RELEASES`; on machines `WANT_HOLD` and `PREEMPT`.
 */
import { type Expression, expressionOf, printNode, readExpression, SHOWN } from '#classad';
import { policyErrors } from './errors.ts';
import { type Macro, type Problem, readMacros } from './macro-file.ts';

export interface SiteRule {
  readonly macro: string;
  readonly when: Expression;
  readonly reason: Expression | null;
  readonly subcode: Expression | null;
}

/** Of a machine on what runs there; null: not said. */
export interface MachinePolicy {
  readonly wantHold: Expression | null;
  readonly wantHoldReason: Expression | null;
  readonly wantHoldSubcode: Expression | null;
  readonly preempt: Expression | null;
}

/** Rules in the order in which they are looked at. */
export interface SitePolicy {
  readonly hold: readonly SiteRule[];
  readonly release: readonly SiteRule[];
  readonly remove: readonly SiteRule[];
  /** A task that was held so often is released by no policy; below 0: no limit. */
  readonly maxReleases: number;
  readonly machine: MachinePolicy;
}

export const NO_MACHINE_POLICY: MachinePolicy = {
  wantHold: null,
  wantHoldReason: null,
  wantHoldSubcode: null,
  preempt: null,
};

export const NO_SITE_POLICY: SitePolicy = {
  hold: [],
  release: [],
  remove: [],
  maxReleases: -1,
  machine: NO_MACHINE_POLICY,
};

export interface ReadSitePolicy {
  readonly policy: SitePolicy;
  readonly warnings: readonly string[];
}

const KINDS = ['HOLD', 'RELEASE', 'REMOVE'] as const;
type Kind = (typeof KINDS)[number];
const MOST_NAMED = 1000;

const MACHINE_MACROS = {
  wantHold: 'WANT_HOLD',
  wantHoldReason: 'WANT_HOLD_REASON',
  wantHoldSubcode: 'WANT_HOLD_SUBCODE',
  preempt: 'PREEMPT',
} as const;

/** @param file what messages call it. @throws WindrowError POLICY_FILE_WRONG naming every problem */
export function readSitePolicy(text: string, file: string): ReadSitePolicy {
  const { macros, problems, warnings } = readMacros(text);
  const reader = new Reader(macros, problems);
  const rules = Object.fromEntries(KINDS.map((kind) => [kind, reader.rules(kind)]));
  const machine = Object.fromEntries(
    Object.entries(MACHINE_MACROS).map(([key, name]) => [key, reader.expression(name)]),
  ) as unknown as MachinePolicy;
  const policy: SitePolicy = {
    hold: rules.HOLD!,
    release: rules.RELEASE!,
    remove: rules.REMOVE!,
    maxReleases: reader.whole('SYSTEM_MAX_RELEASES', -1),
    machine,
  };
  const all = [...warnings, ...reader.unused()].map(({ line, what }) => `${file}:${line}: ${what}`);
  if (problems.length === 0) return { policy, warnings: all };
  const told = problems
    .sort((a, b) => a.line - b.line)
    .map(({ line, what }) => `${file}:${line}: ${what}`);
  throw policyErrors.create('POLICY_FILE_WRONG', { problems: told.join('\n') });
}

/** The rules as a policy file that reads the same, for those who get it over the wire. */
export function printSitePolicy({ hold, release, remove, maxReleases }: SitePolicy): string {
  const lines: string[] = [];
  const put = (name: string, expression: Expression | null): void => {
    if (expression) lines.push(`${name} = ${printNode(expression.node, SHOWN)}`);
  };
  for (const [kind, rules] of Object.entries({ HOLD: hold, RELEASE: release, REMOVE: remove })) {
    const plain = `SYSTEM_PERIODIC_${kind}`;
    const named = rules.filter(({ macro }) => macro !== plain);
    const tags = named.map(({ macro }) => macro.slice(plain.length + 1));
    if (tags.length > 0) lines.push(`${plain}_NAMES = ${tags.join(' ')}`);
    for (const { macro, when, reason, subcode } of rules) {
      put(macro, when);
      put(`${macro}_REASON`, reason);
      put(`${macro}_SUBCODE`, subcode);
    }
  }
  if (maxReleases >= 0) lines.push(`SYSTEM_MAX_RELEASES = ${maxReleases}`);
  return lines.map((line) => `${line}\n`).join('');
}

class Reader {
  readonly #macros: ReadonlyMap<string, Macro>;
  readonly #problems: Problem[];
  readonly #used = new Set<string>();

  constructor(macros: ReadonlyMap<string, Macro>, problems: Problem[]) {
    this.#macros = macros;
    this.#problems = problems;
  }

  /** The named ones in the order of their names, then the plain one. */
  rules(kind: Kind): SiteRule[] {
    const plain = `SYSTEM_PERIODIC_${kind}`;
    const list = this.#take(`${plain}_NAMES`);
    const tags = (list?.value ?? '').split(/[\s,]+/).filter((tag) => tag !== '');
    if (tags.length > MOST_NAMED) {
      const what = `found ${tags.length} names, expected at most ${MOST_NAMED}`;
      this.#problems.push({ line: list!.line, what });
    }
    const rules: SiteRule[] = [];
    for (const tag of new Set(tags.slice(0, MOST_NAMED).map((one) => one.toUpperCase()))) {
      const macro = `${plain}_${tag}`;
      const rule = this.#rule(macro);
      if (rule) rules.push(rule);
      else if (!this.#macros.has(macro)) {
        const what = `${plain}_NAMES names ${tag}, but there is no ${macro}`;
        this.#problems.push({ line: list!.line, what });
      }
    }
    const last = this.#rule(plain);
    return last ? [...rules, last] : rules;
  }

  #rule(macro: string): SiteRule | null {
    const when = this.expression(macro);
    const reason = this.expression(`${macro}_REASON`);
    const subcode = this.expression(`${macro}_SUBCODE`);
    return when && { macro, when, reason, subcode };
  }

  /** An empty value is as good as none. */
  expression(name: string): Expression | null {
    const macro = this.#take(name);
    if (!macro || macro.value === '') return null;
    const { node, problem } = readExpression(macro.value);
    if (node) return expressionOf(node);
    const { problem: what, column, caret } = problem;
    this.#problems.push({
      line: macro.line,
      what: `${name}: ${what}, at column ${column} of its value\n${caret}`,
    });
    return null;
  }

  whole(name: string, usual: number): number {
    const macro = this.#take(name);
    if (!macro || macro.value === '') return usual;
    if (/^[+-]?\d{1,9}$/.test(macro.value)) return Number(macro.value);
    const what = `${name}: found ${JSON.stringify(macro.value)}, expected a whole number`;
    this.#problems.push({ line: macro.line, what });
    return usual;
  }

  #take(name: string): Macro | undefined {
    this.#used.add(name);
    return this.#macros.get(name);
  }

  /** What looks like a policy and is none: more likely a slip than on purpose. */
  unused(): Problem[] {
    const found: Problem[] = [];
    for (const [name, { line }] of this.#macros) {
      if (this.#used.has(name)) continue;
      if (/^SYSTEM_PERIODIC_VACATE/.test(name)) {
        found.push({ line, what: `${name} is not looked at; HTCondor does not look at it either` });
      } else if (/^SYSTEM_/.test(name)) {
        const what = `${name} is no policy that Windrow knows, nor named by a list of names`;
        found.push({ line, what });
      } else if (/^(START|SUSPEND|CONTINUE|KILL|RANK)$/.test(name)) {
        const what = `${name} is not looked at here; start and rank are settings of the worker`;
        found.push({ line, what });
      }
    }
    return found;
  }
}
