/** The functions of submit descriptions, `$INT(…)` and others; names are case-sensitive. */
import { basename, dirname, resolve } from 'node:path';
import { compileExpression, evaluate, localAmbient, printValue, SHOWN, type Value } from '#classad';
import { type Expansion, lookUp, MacroFault } from './macro-scope.ts';
import { splitArguments } from './macro-text.ts';
import { formatNumber } from './number-format.ts';

type Run = (body: string, expansion: Expansion) => string;

const FUNCTIONS: Readonly<Record<string, Run>> = {
  ENV: environmentValue,
  RANDOM_CHOICE: randomChoice,
  RANDOM_INTEGER: randomInteger,
  CHOICE: choice,
  INT: integer,
  REAL: realNumber,
  STRING: (body, expansion) => {
    const value = readValue(argument(body, expansion), expansion);
    return typeof value === 'string' ? value : printValue(value, SHOWN);
  },
  EVAL: (body, expansion) => printValue(evaluated(expansion.expand(body), expansion), SHOWN),
  SUBSTR: substring,
  DIRNAME: (body, expansion) => path(body, expansion, (name) => dirname(name)),
  BASENAME: (body, expansion) => {
    const [name = '', suffix] = splitArguments(body);
    return path(name, expansion, (found) =>
      suffix === undefined ? basename(found) : basename(found, expansion.expand(suffix)),
    );
  },
};

/** @throws MacroFault */
export function callFunction(name: string, body: string, expansion: Expansion): string {
  const run = FUNCTIONS[name];
  return run ? run(body, expansion) : filePart(name.slice(1), body, expansion);
}

/** The value of the macro that the argument names; else the argument itself, expanded. */
function argument(text: string, expansion: Expansion): string {
  const name = text.trim();
  if (/^[A-Za-z_][\w.]*$/.test(name)) {
    const found = lookUp(name.toLowerCase(), expansion.scope);
    if (found) return found.kind === 'final' ? found.text : expansion.expand(found.text);
  }
  return expansion.expand(name);
}

function environmentValue(body: string, expansion: Expansion): string {
  const colon = body.indexOf(':');
  const name = (colon === -1 ? body : body.slice(0, colon)).trim();
  const value = expansion.scope.environment[name];
  if (value !== undefined) return value;
  if (colon !== -1) return expansion.expand(body.slice(colon + 1));
  throw new MacroFault(
    `$ENV(${name}): the environment has no ${name}; a default is $ENV(${name}:text)`,
  );
}

function listOf(words: readonly string[], expansion: Expansion): string[] {
  const [only] = words;
  const text = words.length === 1 ? argument(only!, expansion) : null;
  if (text === null) return words.map((word) => expansion.expand(word));
  return text.split(/\s*,\s*|\s+/).filter((word) => word !== '');
}

function randomChoice(body: string, expansion: Expansion): string {
  const list = listOf(splitArguments(body), expansion);
  if (list.length === 0) throw new MacroFault('$RANDOM_CHOICE() has nothing to choose from');
  return list[Math.floor(expansion.scope.random() * list.length)]!;
}

function randomInteger(body: string, expansion: Expansion): string {
  const [least, most, step = 1] = splitArguments(body).map((word) =>
    wholeOf(word, expansion, 'RANDOM_INTEGER'),
  );
  if (least === undefined || most === undefined || most < least || step < 1) {
    throw new MacroFault(
      `$RANDOM_INTEGER(${body}): expected the least, the most, and perhaps a step`,
    );
  }
  const count = Math.floor((most - least) / step) + 1;
  return String(least + step * Math.floor(expansion.scope.random() * count));
}

function choice(body: string, expansion: Expansion): string {
  const [index = '', ...words] = splitArguments(body);
  const list = listOf(words, expansion);
  const at = wholeOf(index, expansion, 'CHOICE');
  const found = list[at];
  if (found !== undefined && at >= 0) return found;
  throw new MacroFault(`$CHOICE(${body}): ${at} is no index of its ${list.length} items`);
}

function integer(body: string, expansion: Expansion): string {
  const [word = '', format] = splitArguments(body);
  const value = numberOf(word, expansion, 'INT');
  return formatted(format ?? '%d', Math.trunc(value), expansion);
}

function realNumber(body: string, expansion: Expansion): string {
  const [word = '', format] = splitArguments(body);
  return formatted(format ?? '%16G', numberOf(word, expansion, 'REAL'), expansion).trim();
}

function formatted(format: string, value: number, expansion: Expansion): string {
  const text = formatNumber(expansion.expand(format), value);
  if (text !== null) return text;
  throw new MacroFault(`found the format ${format}, expected one like %d, %05d or %.3f`);
}

function wholeOf(word: string, expansion: Expansion, name: string): number {
  const value = numberOf(word, expansion, name);
  if (Number.isInteger(value)) return value;
  throw new MacroFault(`$${name}(): ${word} is ${value}, expected a whole number`);
}

function numberOf(word: string, expansion: Expansion, name: string): number {
  const text = argument(word, expansion);
  const value = evaluated(text, expansion);
  const plain = typeof value === 'object' && value.kind === 'real' ? value.value : value;
  if (typeof plain === 'boolean') return Number(plain);
  if (typeof plain === 'number' || typeof plain === 'bigint') return Number(plain);
  throw new MacroFault(`$${name}(): "${text.slice(0, 80)}" is no number`);
}

function readValue(text: string, expansion: Expansion): Value {
  try {
    return evaluated(text, expansion);
  } catch (error) {
    if (error instanceof MacroFault) return text;
    throw error;
  }
}

function evaluated(text: string, { scope }: Expansion): Value {
  const ambient = localAmbient({ now: () => 0, random: scope.random, elapsedMs: () => 0 });
  try {
    return evaluate(compileExpression(text), { ambient });
  } catch {
    throw new MacroFault(`"${text.slice(0, 80)}" is no expression`);
  }
}

function substring(body: string, expansion: Expansion): string {
  const [name = '', startWord = '0', lengthWord] = splitArguments(body);
  const text = argument(name, expansion);
  const start = wholeOf(startWord, expansion, 'SUBSTR');
  if (lengthWord === undefined) return text.slice(start);
  const length = wholeOf(lengthWord, expansion, 'SUBSTR');
  const from = start < 0 ? Math.max(0, text.length + start) : start;
  return text.slice(from, length < 0 ? length : from + length);
}

function path(word: string, expansion: Expansion, change: (path: string) => string): string {
  return change(argument(word, expansion));
}

/**
 * `$F<letters>(name)`: p parent with slash, d last folder, n name, x extension with dot, f absolute,
 * u/w kind of slash, b without the slash at the end (of p, d) or the dot (of x), q in quotes, a with q
 * in single ones.
 */
function filePart(letters: string, body: string, expansion: Expansion): string {
  const has = (letter: string) => letters.includes(letter);
  let name = argument(body, expansion).replace(/^(["'])(.*)\1$/s, '$2');
  if (has('f')) name = resolve(expansion.scope.settings.get('submit_dir') ?? '/', name);
  const slash = name.lastIndexOf('/');
  const folder = name.slice(0, slash + 1);
  const file = name.slice(slash + 1);
  const dot = file.lastIndexOf('.');
  const stem = dot <= 0 ? file : file.slice(0, dot);
  const extension = dot <= 0 ? '' : file.slice(dot);
  const lastFolder = /([^/]+\/)$/.exec(folder)?.[1] ?? '';
  let out = '';
  if (has('p')) out += has('b') && !has('n') && !has('x') ? folder.replace(/\/$/, '') : folder;
  else if (has('d'))
    out += has('b') && !has('n') && !has('x') ? lastFolder.replace(/\/$/, '') : lastFolder;
  if (has('n')) out += stem;
  if (has('x')) out += has('b') && !has('n') ? extension.slice(1) : extension;
  if (!/[pdnx]/.test(letters)) out = has('b') ? name.replace(/\/$/, '') : name;
  if (has('w')) out = out.replaceAll('/', '\\');
  if (has('u')) out = out.replaceAll('\\', '/');
  if (!has('q')) return out;
  return has('a') ? `'${out}'` : `"${out}"`;
}
