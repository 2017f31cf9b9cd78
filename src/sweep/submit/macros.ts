/** What macros stand for: settings of the file, variables of a proc, automatic ones, functions. */
import { callFunction } from './macro-functions.ts';
import { type MacroText, parseMacros } from './macro-text.ts';

const MOST_NESTING = 50;
const MOST_CHARACTERS = 2 ** 20;
/** Work of one expansion, so that values which double one another end. */
const MOST_STEPS = 10_000;
/** Stands for the job's number, which only the server knows; see `columns.ts`. */
export const JOB_MARK = '\u0001';

/** A macro that cannot be expanded; a sentence fragment. */
export class MacroFault extends Error {}

export interface Scope {
  /** Of the file, by lower-case name: last assignment before the `queue`. */
  readonly settings: ReadonlyMap<string, string>;
  /** Of the proc: `process`, `item` …, by lower-case name. They go first. */
  readonly variables: ReadonlyMap<string, string>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Told of each name that was looked at. */
  readonly onUse?: (name: string) => void;
}

export interface Expansion {
  readonly scope: Scope;
  readonly depth: number;
  readonly work: { steps: number };
}

const parsed = new Map<string, MacroText>();

function parseOnce(text: string): MacroText {
  let tree = parsed.get(text);
  if (!tree) {
    if (parsed.size > 10_000) parsed.clear();
    tree = parseMacros(text);
    parsed.set(text, tree);
  }
  return tree;
}

/** The text with all macros replaced. @throws MacroFault */
export function expandMacros(text: string, scope: Scope): string {
  return text.includes('$') ? expandWithin(text, { scope, depth: 0, work: { steps: 0 } }) : text;
}

export function expandWithin(text: string, expansion: Expansion): string {
  return expandParts(parseOnce(text), expansion);
}

function expandParts(parts: MacroText, expansion: Expansion): string {
  const { depth, work } = expansion;
  if (depth > MOST_NESTING) throw new MacroFault('macros refer to one another in a circle');
  let out = '';
  for (const part of parts) {
    if (++work.steps > MOST_STEPS) throw new MacroFault('its macros are too many');
    if (part.kind === 'text') out += part.text;
    else if (part.kind === 'machine') out += `$$(${part.body})`;
    else if (part.kind === 'call') out += expandCall(part.name, part.body, expansion);
    else out += expandValue(part.name, part.fallback, expansion);
    if (out.length > MOST_CHARACTERS) throw new MacroFault('it becomes longer than 1 MiB');
  }
  return out;
}

function expandCall(name: string, body: string, expansion: Expansion): string {
  const inner = { ...expansion, depth: expansion.depth + 1 };
  if (name !== '') return callFunction(name, body, inner);
  const made = expandWithin(body, inner);
  return expandWithin(`$(${made})`, inner);
}

function expandValue(name: string, fallback: MacroText | null, expansion: Expansion): string {
  if (name === 'dollar') return '$';
  const inner = { ...expansion, depth: expansion.depth + 1 };
  const value = lookUp(name, expansion.scope);
  if (value !== undefined)
    return value.kind === 'final' ? value.text : expandWithin(value.text, inner);
  return fallback ? expandParts(fallback, inner) : '';
}

/** A variable's value is what it is; a setting's is expanded once more. */
export function lookUp(
  name: string,
  { variables, settings, onUse }: Scope,
): { kind: 'final' | 'text'; text: string } | undefined {
  onUse?.(name);
  const variable = variables.get(name);
  if (variable !== undefined) return { kind: 'final', text: variable };
  const setting = settings.get(name);
  return setting === undefined ? undefined : { kind: 'text', text: setting };
}

/** A setting that names itself (`X = $(X) more`) means its earlier value. */
export function withoutSelf(name: string, value: string, earlier: string | undefined): string {
  const lower = name.toLowerCase();
  return value.replace(
    /\$\(\s*([A-Za-z_][\w.]*)\s*(?::([^()]*))?\)/g,
    (whole, found: string, fallback?: string) => {
      if (found.toLowerCase() !== lower) return whole;
      return earlier ?? fallback ?? '';
    },
  );
}
