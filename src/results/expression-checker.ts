import { isUtf8 } from 'node:buffer';
import { systemClock } from '#base';
import {
  type Ad,
  type Ambient,
  adOfValues,
  compileExpression,
  type Exhausted,
  type Expression,
  evaluateFully,
  explain,
  externalReferences,
  findAttribute,
  localAmbient,
  type Plain,
  plainFrom,
  printNode,
  type Surround,
  truthOf,
  typeOf,
} from '#classad';
import { oneLine } from './module-checker.ts';
import type { StoredPart } from './segment-reader.ts';
import type { Check, Checker, Verdict } from './validator.ts';

/** Larger results have no attribute. */
const VALUE_MOST_BYTES = 64 * 1024;
/** One check runs on the server's own thread: it may not last. */
const BUDGET = { steps: 1_000_000, characters: 1 << 20, ms: 50 };
const SHOWN_NAMES = 5;
const SPENT: Readonly<Record<Exhausted, string>> = {
  steps: 'work',
  time: 'time',
  characters: 'text',
  nesting: 'nesting',
};

/**
 * Checks with an expression over an ad of the task's parameters and results. Needs no process: the
 * language can neither do anything nor go on for long.
 */
export class ExpressionChecker implements Checker {
  readonly #expression: Expression;
  readonly #globs: ReadonlySet<string>;
  readonly #ambient: Ambient;

  /** Errors: `CLASSAD_SYNTAX_WRONG`, `CLASSAD_TOO_LARGE`. */
  constructor(text: string, globs: ReadonlySet<string>, ambient = repeatableAmbient()) {
    this.#expression = compileExpression(text);
    this.#globs = globs;
    this.#ambient = ambient;
  }

  async check(check: Check): Promise<Verdict> {
    const my = adOfCheck(check, this.#globs);
    return verdictOf(this.#expression, { my, ambient: this.#ambient, budget: BUDGET });
  }

  async close(): Promise<void> {}
}

/** The same results get the same verdict however often they are checked: chance has no part in it. */
function repeatableAmbient(): Ambient {
  const { now, monotonic } = systemClock;
  return localAmbient({ now, random: () => 0.5, elapsedMs: monotonic });
}

/**
 * Parameters by name, results by name and as `Result<Name>`, `TaskIndex`, `ExitCode`. A parameter hides a result
 * of its name, and both hide what Windrow adds.
 */
function adOfCheck({ task, parameters, record }: Check, globs: ReadonlySet<string>): Ad {
  const values: Record<string, Plain> = Object.create(null);
  const put = (name: string, value: Plain) => {
    values[name.toLowerCase()] = value;
  };
  put('TaskIndex', task);
  // Nothing else comes here to be checked.
  put('ExitCode', 0);
  const results = record.parts.filter(({ kind, name }) => kind === 'result' && !globs.has(name));
  for (const part of results) {
    const text = textOf(part);
    if (text === null) continue;
    put(`Result${part.name}`, plainFrom(text));
    put(part.name, plainFrom(text));
  }
  for (const [name, text] of Object.entries(parameters)) put(name, plainFrom(text));
  return adOfValues(values);
}

/** Null for what is large or no text. */
function textOf(part: StoredPart): string | null {
  if (part.bytes > VALUE_MOST_BYTES || part.cutBytes > 0) return null;
  const content = part.read(VALUE_MOST_BYTES);
  return isUtf8(content) ? content.toString().replace(/\r?\n$/, '') : null;
}

function verdictOf(expression: Expression, surround: Surround & { readonly my: Ad }): Verdict {
  const { value, exhausted } = evaluateFully(expression, surround);
  const truth = truthOf(value);
  if (truth === true) return { verdict: 'valid' };
  const text = printNode(expression.node);
  if (truth === false) {
    return {
      verdict: 'invalid',
      reason: oneLine(`${text} is false${valuesIn(expression, surround.my)}`),
    };
  }
  return {
    verdict: 'fault',
    reason: oneLine(
      faultOf(expression, surround, exhausted) ??
        `${text} is of type ${typeOf(value)}, neither true nor false`,
    ),
  };
}

function faultOf(
  { node }: Expression,
  surround: Surround,
  exhausted: Exhausted | null,
): string | null {
  const text = printNode(node);
  if (exhausted !== null) return `${text} takes too much ${SPENT[exhausted]}`;
  const found = explain(node, surround);
  if (!found) return null;
  return found.part === text
    ? `${text} is ${found.type}`
    : `${found.part} is ${found.type}, and so is the validating expression ${text}`;
}

/** What the names of the expression stand for, ` (energy = 5, beta = 0.4)`. */
function valuesIn({ node }: Expression, my: Ad): string {
  const known = externalReferences(node, () => false).flatMap((name) => {
    const attribute = findAttribute(my, name);
    return attribute ? [`${name} = ${printNode(attribute.node)}`] : [];
  });
  return known.length === 0 ? '' : ` (${known.slice(0, SHOWN_NAMES).join(', ')})`;
}
