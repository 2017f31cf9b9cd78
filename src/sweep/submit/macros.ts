/** What macros stand for: settings of the file, variables of a proc, automatic ones, functions. */
import { callFunction } from './macro-functions.ts';
import { type Expansion, lookUp, MacroFault, machineMark, type Scope } from './macro-scope.ts';
import { type MacroText, parseMacros } from './macro-text.ts';

const MOST_NESTING = 50;
const MOST_CHARACTERS = 2 ** 20;
/** Work of one expansion, so that values which double one another end. */
const MOST_STEPS = 10_000;
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
  return text.includes('$')
    ? expandParts(parseOnce(text), new Level(scope, 0, { steps: 0 }))
    : text;
}

class Level implements Expansion {
  readonly scope: Scope;
  readonly depth: number;
  readonly work: { steps: number };

  constructor(scope: Scope, depth: number, work: { steps: number }) {
    this.scope = scope;
    this.depth = depth;
    this.work = work;
  }

  get inner(): Level {
    return new Level(this.scope, this.depth + 1, this.work);
  }

  expand(text: string): string {
    return text.includes('$') ? expandParts(parseOnce(text), this.inner) : text;
  }
}

function expandParts(parts: MacroText, level: Level): string {
  const { depth, work } = level;
  if (depth > MOST_NESTING) throw new MacroFault('macros refer to one another in a circle');
  let out = '';
  for (const part of parts) {
    if (++work.steps > MOST_STEPS) throw new MacroFault('its macros are too many');
    if (part.kind === 'text') out += part.text;
    else if (part.kind === 'machine') out += machineText(part.body, level);
    else if (part.kind === 'call') out += expandCall(part.name, part.body, level);
    else out += expandValue(part.name, part.fallback, level);
    if (out.length > MOST_CHARACTERS) throw new MacroFault('it becomes longer than 1 MiB');
  }
  return out;
}

/** Macros within it are this side's; `$$(DOLLARDOLLAR)` is two dollars. */
function machineText(body: string, level: Level): string {
  return /^\s*dollardollar\s*$/i.test(body) ? '$$' : machineMark(level.expand(body));
}

function expandCall(name: string, body: string, level: Level): string {
  if (name !== '') {
    level.scope.onCall?.();
    return callFunction(name, body, level);
  }
  return level.expand(`$(${level.expand(body)})`);
}

function expandValue(name: string, fallback: MacroText | null, level: Level): string {
  if (name === 'dollar') return '$';
  const value = lookUp(name, level.scope);
  if (value !== undefined) return value.kind === 'final' ? value.text : level.expand(value.text);
  return fallback ? expandParts(fallback, level.inner) : '';
}
