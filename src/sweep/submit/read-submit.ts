/** Walks through a submit description: what is set at each `queue`, and the items queued there. */
import type { WindrowError } from '#base';
import { submitErrors } from '../errors.ts';
import { testOf } from './conditions.ts';
import { MacroFault, type Scope, withoutSelf } from './macro-scope.ts';
import { expandMacros } from './macros.ts';
import {
  applySlice,
  parseQueue,
  type QueueWords,
  type Selection,
  splitItems,
  splitRow,
} from './queue-words.ts';
import { type Place, readStatements, type Statement } from './statements.ts';

const MOST_INCLUDES = 20;
const MOST_ROWS = 1_000_000;

/** What a description is read under. A failure is thrown; its message says why. */
export interface SubmitWorld {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Automatic macros that are the same for all procs, by lower-case name. */
  readonly automatic: Readonly<Record<string, string>>;
  /** The text of a file; relative paths start at the description. `-` is standard input. */
  readText(path: string): Promise<string>;
  /** What a command prints, run by a shell. */
  runCommand(line: string): Promise<string>;
  /** Names that a glob matches, in byte order. */
  glob(pattern: string, kind: Extract<Selection, 'files' | 'dirs' | 'any'>): Promise<string[]>;
}

export interface Setting extends Place {
  /** As written. */
  readonly name: string;
  readonly value: string;
}

/** One `queue` and what was set when it came. */
export interface QueueBlock extends Place {
  /** By lower-case name; attributes of the ad by `my.` and their name. */
  readonly settings: ReadonlyMap<string, Setting>;
  readonly count: number;
  readonly names: readonly string[];
  /** One empty row when there are no items. */
  readonly rows: readonly (readonly string[])[];
}

export interface SubmitFile {
  readonly blocks: readonly QueueBlock[];
  readonly problems: readonly WindrowError[];
  readonly warnings: readonly string[];
  /** Names that macros looked at while reading. */
  readonly used: ReadonlySet<string>;
}

interface Reading {
  readonly world: SubmitWorld;
  readonly settings: Map<string, Setting>;
  readonly blocks: QueueBlock[];
  readonly problems: WindrowError[];
  readonly warnings: string[];
  readonly used: Set<string>;
  /** Truth of the `if`s around; `done`: one of their branches was taken. */
  readonly branches: { active: boolean; done: boolean; hadElse: boolean; readonly place: Place }[];
  includes: number;
}

/** Everything that is wrong is in `problems`; nothing is thrown. */
export async function readSubmit(
  text: string,
  file: string,
  world: SubmitWorld,
): Promise<SubmitFile> {
  const reading: Reading = {
    world,
    settings: new Map(),
    blocks: [],
    problems: [],
    warnings: [],
    used: new Set(),
    branches: [],
    includes: 0,
  };
  await readLines(reading, text, file);
  warnOfRest(reading);
  if (reading.blocks.length === 0 && reading.problems.length === 0) {
    reading.problems.push(submitErrors.create('SUBMIT_NO_QUEUE', { file }));
  }
  const { blocks, problems, warnings, used } = reading;
  return { blocks, problems, warnings, used };
}

/** What is set behind the last queue holds for nothing. */
function warnOfRest({ settings, blocks, warnings }: Reading): void {
  const last = blocks.at(-1);
  if (!last) return;
  for (const [key, setting] of settings) {
    if (last.settings.get(key) === setting) continue;
    warnings.push(`${setting.file}:${setting.line}: ${setting.name} is set behind the last queue`);
  }
}

async function readLines(reading: Reading, text: string, file: string): Promise<void> {
  const around = reading.branches.length;
  for (const statement of readStatements(text, file)) await take(reading, statement);
  for (const { place } of reading.branches.splice(around)) {
    wrong(reading, place, 'an if without its endif', 'endif');
  }
}

async function take(reading: Reading, statement: Statement): Promise<void> {
  if (takeBranch(reading, statement)) return;
  if (!reading.branches.every(({ active }) => active)) return;
  switch (statement.kind) {
    case 'assign':
      return assign(reading, statement, statement.name.toLowerCase());
    case 'attribute':
      return assign(reading, statement, `my.${statement.name.toLowerCase()}`);
    case 'include':
      return await include(reading, statement);
    case 'queue':
      return await queue(reading, statement);
    case 'use':
      refuse(
        reading,
        statement,
        `use ${statement.what}`,
        'templates belong to the configuration of a pool; write their lines here',
      );
      return;
    case 'wrong':
      wrong(reading, statement, statement.found, statement.expected);
  }
}

function takeBranch(reading: Reading, statement: Statement): boolean {
  const { branches } = reading;
  const isActive = branches.every(({ active }) => active);
  const last = branches.at(-1);
  if (statement.kind === 'if') {
    const holds = isActive && test(reading, statement);
    branches.push({ active: holds, done: holds || !isActive, hadElse: false, place: statement });
    return true;
  }
  if (statement.kind !== 'elif' && statement.kind !== 'else' && statement.kind !== 'endif')
    return false;
  if (!last || (last.hadElse && statement.kind !== 'endif')) {
    wrong(reading, statement, `${statement.kind} without an if`, 'if before it');
  } else if (statement.kind === 'endif') branches.pop();
  else {
    last.hadElse ||= statement.kind === 'else';
    last.active = !last.done && (statement.kind !== 'elif' || test(reading, statement));
    last.done ||= last.active;
  }
  return true;
}

function test(reading: Reading, statement: Statement & { test: string }): boolean {
  const text = expanded(reading, statement.test, statement);
  if (text === null) return false;
  const found = testOf(text, (name) => isDefined(reading, name.toLowerCase()));
  if (typeof found === 'boolean') return found;
  wrong(reading, statement, found.problem, 'a test');
  return false;
}

function isDefined(reading: Reading, name: string): boolean {
  reading.used.add(name);
  return reading.settings.has(name) || Object.hasOwn(reading.world.automatic, name);
}

function assign(reading: Reading, setting: Setting, key: string): void {
  const value = withoutSelf(setting.name, setting.value, reading.settings.get(key)?.value);
  const { file, line, name } = setting;
  reading.settings.set(key, { file, line, name, value });
}

async function include(reading: Reading, statement: Statement & { source: string }): Promise<void> {
  if (++reading.includes > MOST_INCLUDES) {
    wrong(reading, statement, 'an include too many', `at most ${MOST_INCLUDES}, none of itself`);
    return;
  }
  const source = expanded(reading, statement.source, statement);
  if (source === null) return;
  if (source === '') {
    wrong(reading, statement, 'an include of nothing', 'include : FILE');
    return;
  }
  const command = commandOf(source);
  const text = await orWrong(reading, statement, () =>
    command === null ? reading.world.readText(source) : reading.world.runCommand(command),
  );
  if (text !== null) await readLines(reading, text, command === null ? source : `${command} |`);
}

/** `command |` is run; null: it is no command. */
function commandOf(source: string): string | null {
  return source.endsWith('|') ? source.slice(0, -1).trim() : null;
}

async function queue(
  reading: Reading,
  statement: Statement & { words: string; rows: readonly string[] | null },
): Promise<void> {
  const words = expanded(reading, statement.words, statement);
  if (words === null) return;
  const parsed = parseQueue(words);
  if ('problem' in parsed) {
    wrong(reading, statement, `queue: ${parsed.problem}`, 'queue [N] [names] [in|from|matching …]');
    return;
  }
  const inline = statement.rows?.map((row) => expanded(reading, row, statement) ?? '') ?? null;
  const found = await orWrong(reading, statement, () =>
    itemsOf(reading, statement, parsed, inline),
  );
  if (found === null) return;
  if (found.rows.length * parsed.count > MOST_ROWS) {
    wrong(
      reading,
      statement,
      `${found.rows.length * parsed.count} procs`,
      `at most ${MOST_ROWS}; a sweep file takes tables of any length`,
    );
    return;
  }
  const { file, line } = statement;
  reading.blocks.push({
    file,
    line,
    settings: new Map(reading.settings),
    count: parsed.count,
    ...found,
  });
}

interface Items {
  readonly names: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

async function itemsOf(
  reading: Reading,
  place: Place,
  words: QueueWords,
  inline: readonly string[] | null,
): Promise<Items> {
  const { selection, names, slice, rest } = words;
  if (selection === null) return { names: [], rows: [[]] };
  if (selection === 'in') {
    const items = splitItems(inline ? inline.join(' ') : rest);
    return { names, rows: applySlice(items, slice).map((item) => [item]) };
  }
  if (selection === 'from' || selection === 'table') {
    const lines = inline ?? linesOf(await sourceText(reading, rest));
    const header = selection === 'table' ? splitItems(lines[0] ?? '') : names;
    const rows = applySlice(selection === 'table' ? lines.slice(1) : lines, slice);
    return { names: header, rows: rows.map((row) => splitRow(row, header.length)) };
  }
  const found = new Set<string>();
  for (const pattern of splitItems(inline ? inline.join(' ') : rest)) {
    const matches = await reading.world.glob(pattern, selection);
    if (matches.length === 0) {
      reading.warnings.push(`${place.file}:${place.line}: nothing matches ${pattern}`);
    }
    for (const match of matches) found.add(match);
  }
  return { names, rows: applySlice([...found], slice).map((item) => [item]) };
}

async function sourceText(reading: Reading, rest: string): Promise<string> {
  if (rest === '') throw new Error('found no file behind "from"');
  const command = commandOf(rest);
  return await (command === null
    ? reading.world.readText(rest)
    : reading.world.runCommand(command));
}

function linesOf(text: string): string[] {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  return lines.filter((line) => line !== '' && !line.startsWith('#'));
}

function expanded(reading: Reading, text: string, place: Place): string | null {
  const { world, settings, used } = reading;
  const scope: Scope = {
    settings: new Map([...settings].map(([name, { value }]) => [name, value])),
    variables: new Map(Object.entries(world.automatic)),
    environment: world.environment,
    random: world.random,
    onUse: (name) => used.add(name),
  };
  try {
    return expandMacros(text, scope);
  } catch (error) {
    if (!(error instanceof MacroFault)) throw error;
    wrong(reading, place, error.message, 'macros that can be expanded');
    return null;
  }
}

async function orWrong<T>(
  reading: Reading,
  place: Place,
  work: () => Promise<T>,
): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    wrong(reading, place, (error as Error).message, 'something to read');
    return null;
  }
}

function wrong(reading: Reading, { file, line }: Place, found: string, expected: string): void {
  const facts = { where: `${file}:${line}`, found: found.slice(0, 200), expected };
  reading.problems.push(submitErrors.create('SUBMIT_BAD_LINE', facts));
}

function refuse(reading: Reading, { file, line }: Place, found: string, reason: string): void {
  const facts = { where: `${file}:${line}`, found, reason };
  reading.problems.push(submitErrors.create('SUBMIT_NOT_SUPPORTED', facts));
}
