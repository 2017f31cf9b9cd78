import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ini from 'ini';
import { baseErrors } from './base-errors.ts';
import { messageOf, systemCodeOf } from './errors.ts';
import { nearestWord } from './nearest.ts';
import {
  environmentName,
  parseSetting,
  type Setting,
  type SettingTable,
  type Surroundings,
  type ValuesOf,
} from './settings.ts';

export type OriginKind =
  | 'command line'
  | 'environment'
  | 'named file'
  | 'user file'
  | 'system file'
  | 'default';

/** Where a value came from; `place` is the option, the variable, or file and line. */
export interface Origin {
  readonly kind: OriginKind;
  readonly place: string;
}

export interface Settings<Table extends SettingTable> {
  readonly values: ValuesOf<Table>;
  readonly origins: Readonly<Record<keyof Table, Origin>>;
  /** As they were written, for showing; a secret is `(hidden)`. */
  readonly texts: Readonly<Record<keyof Table, string>>;
  readonly warnings: readonly string[];
}

/** A settings file that exists; at most `FILE_MOST_BYTES` of it. */
export interface SettingsFile {
  readonly kind: 'named file' | 'user file' | 'system file';
  readonly path: string;
  readonly text: string;
}

const FILE_MOST_BYTES = 1 << 20;

/** Set by Windrow itself for the programs that it runs, so they are no mistyped settings. */
const NOT_SETTINGS =
  /^WINDROW_(JOB|TASK|TICKET|ATTEMPT|SCRATCH|RESULT_DIR|START|SUCCEEDS|PARAM_.*)$/;

/** The user's and the system's file, in order of precedence; those that do not exist are left out. */
export function findSettingsFiles(
  surroundings: Surroundings,
  name = 'windrow.conf',
): SettingsFile[] {
  const { environment, home } = surroundings;
  const configHome = environment.XDG_CONFIG_HOME || join(home, '.config');
  const candidates = [
    { kind: 'user file', path: join(configHome, 'windrow', name) },
    { kind: 'system file', path: `/etc/windrow/${name}` },
  ] as const;
  return candidates.flatMap(({ kind, path }) => {
    const text = readIfThere(path);
    return text === null ? [] : [{ kind, path, text }];
  });
}

/** A file that was named. Throws SETTINGS_INVALID when it cannot be read. @param help where settings are explained */
export function namedSettingsFile(path: string, help?: string): SettingsFile {
  const text = readIfThere(path);
  if (text !== null) return { kind: 'named file', path, text };
  throw invalid(`${path}: there is no such file`, help);
}

function readIfThere(path: string): string | null {
  try {
    const bytes = readFileSync(path);
    if (bytes.length > FILE_MOST_BYTES) throw new Error('it is longer than 1 MiB');
    return bytes.toString('utf8');
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw invalid(`${path}: ${messageOf(error)}`);
  }
}

function invalid(problems: string, help = 'windrow config --help'): Error {
  return baseErrors.create('SETTINGS_INVALID', { problems, help });
}

/** One value as it was found, before it is checked. */
interface Found {
  readonly text: string;
  readonly origin: Origin;
  /** Directory that a relative path starts from. */
  readonly base: string;
}

/**
 * Merges the sources (command line, then environment, then user file, then system file, then
 * default) and checks every value, also those that another overrides.
 * Throws SETTINGS_INVALID naming every problem with its place. `flags` go by the settings' names.
 */
export function readSettings<Table extends SettingTable>(
  table: Table,
  sources: {
    readonly flags: Readonly<Record<string, string | undefined>>;
    /** Earlier ones win. */
    readonly files: readonly SettingsFile[];
    readonly surroundings: Surroundings;
    /** A section of the files that keys may stand in. */
    readonly section?: string;
    /** Command that lists the settings; that of the whole program if not given. */
    readonly help?: string;
    /** False: no variable of the environment is a setting of this table. */
    readonly hasVariables?: boolean;
  },
): Settings<Table> {
  const problems: string[] = [];
  const warnings: string[] = [];
  const found = new Map<string, Found[]>();
  const add = (name: string, value: Found) => found.set(name, [...(found.get(name) ?? []), value]);
  const names = namesIn(table);

  takeFlags(sources.flags, sources.surroundings, add);
  if (sources.hasVariables !== false) {
    takeEnvironment(table, sources.surroundings, add, warnings);
  }
  const tables = Object.values(table).filter(({ type }) => SECTIONS.has(type));
  const tableNames = new Set(tables.map(({ name }) => name));
  const known = { names, tables: tableNames, section: sources.section };
  for (const file of sources.files) takeFile(known, file, add, problems);

  const values: Record<string, unknown> = {};
  const origins: Record<string, Origin> = {};
  const texts: Record<string, string> = {};
  for (const [key, setting] of Object.entries(table)) {
    const chosen = choose(setting, found.get(setting.name) ?? [], sources.surroundings, problems);
    values[key] = deepFreeze(chosen.value);
    origins[key] = chosen.origin;
    texts[key] = setting.secret === true && chosen.text !== '' ? '(hidden)' : chosen.text;
  }
  if (problems.length > 0) throw invalid(problems.join('; '), sources.help);
  return Object.freeze({
    values: Object.freeze(values) as ValuesOf<Table>,
    origins: Object.freeze(origins) as Record<keyof Table, Origin>,
    texts: Object.freeze(texts) as Record<keyof Table, string>,
    warnings: Object.freeze(warnings),
  });
}

type Add = (name: string, value: Found) => void;

function takeFlags(
  flags: Readonly<Record<string, string | undefined>>,
  surroundings: Surroundings,
  add: Add,
): void {
  for (const [name, text] of Object.entries(flags)) {
    if (text === undefined) continue;
    const origin: Origin = { kind: 'command line', place: `--${name}` };
    add(name, { text, origin, base: surroundings.directory });
  }
}

function takeEnvironment(
  table: SettingTable,
  surroundings: Surroundings,
  add: Add,
  warnings: string[],
): void {
  const known = new Map(Object.values(table).map((one) => [environmentName(one), one.name]));
  for (const [variable, text] of Object.entries(surroundings.environment)) {
    if (!variable.startsWith('WINDROW_') || text === undefined || text === '') continue;
    const name = known.get(variable);
    if (name !== undefined) {
      const origin: Origin = { kind: 'environment', place: variable };
      add(name, { text, origin, base: surroundings.directory });
    } else if (!NOT_SETTINGS.test(variable)) {
      warnings.push(`${variable} is no setting${didYouMean(variable, known.keys())}`);
    }
  }
}

/** From what may stand in a file, long or short, to the name of the setting. */
function namesIn(table: SettingTable): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const { name, short } of Object.values(table)) {
    names.set(name, name);
    if (short !== undefined) names.set(short, name);
  }
  return names;
}

/** Types of settings that a whole section is the value of. */
const SECTIONS: ReadonlySet<string> = new Set(['table', 'amounts', 'names']);

interface Known {
  readonly names: ReadonlyMap<string, string>;
  /** Settings that a whole section is the value of. */
  readonly tables: ReadonlySet<string>;
  /** A section whose keys count as if they stood above the first. */
  readonly section: string | undefined;
}

/** One line of a settings file. */
interface Entry {
  /** `''` above the first section. */
  readonly section: string;
  readonly key: string;
  /** Null where it is no text. */
  readonly text: string | null;
}

/** `key` in section `[section]` is the setting `section-key`, or an element of a table. */
function takeFile(known: Known, file: SettingsFile, add: Add, problems: string[]): void {
  const lines = linesOfKeys(file.text);
  const taken = new Map<string, number>();
  const sections = new Map<string, Found>();
  const base = dirname(file.path);
  for (const entry of entriesOf(file.text)) {
    const { section, key, text } = entry;
    const numbers = lines.get(idOf(section, key)) ?? [1];
    const place = `${file.path}:${numbers.at(-1)}`;
    const name = known.names.get(nameOf(known, section, key));
    const fault = faultOf(known, entry, [taken.get(name ?? '') ?? [], numbers].flat());
    if (name !== undefined) taken.set(name, numbers[0]!);
    if (fault !== '' || text === null) problems.push(`${place}: ${fault}`);
    else if (known.tables.has(section)) {
      const before = sections.get(section);
      const origin = before?.origin ?? { kind: file.kind, place };
      const whole = `${before ? `${before.text}, ` : ''}${key}=${text}`;
      sections.set(section, { text: whole, origin, base });
    } else add(name!, { text, origin: { kind: file.kind, place }, base });
  }
  for (const [table, found] of sections) add(table, found);
}

function faultOf(known: Known, { section, key, text }: Entry, lines: readonly number[]): string {
  const shown = section === '' ? key : `${key} in [${section}]`;
  if (text === null) return `${shown}: lists and sections in sections have no meaning here`;
  if (lines.length > 1) return `${shown} stands already in line ${lines[0]}`;
  const name = nameOf(known, section, key);
  if (known.tables.has(section) || known.names.has(name)) return '';
  return `${shown} is no setting${didYouMean(name, known.names.keys())}`;
}

function nameOf(known: Known, section: string, key: string): string {
  return section === '' || section === known.section ? key : `${section}-${key}`;
}

function entriesOf(text: string): Entry[] {
  return Object.entries(ini.parse(text)).flatMap(([name, value]) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return [entryOf('', name, value)];
    }
    return Object.entries(value).map(([key, inner]) => entryOf(name, key, inner));
  });
}

function entryOf(section: string, key: string, value: unknown): Entry {
  const isText = typeof value !== 'object' || value === null;
  return { section, key, text: isText ? String(value) : null };
}

function idOf(section: string, key: string): string {
  return `${section}\n${key}`;
}

/** The library that reads INI does not say where; this finds the lines of each key. */
function linesOfKeys(text: string): Map<string, number[]> {
  const lines = new Map<string, number[]>();
  let section = '';
  text.split(/\r\n|\r|\n/).forEach((line, index) => {
    section = /^\s*\[([^\]]*)\]\s*$/.exec(line)?.[1] ?? section;
    const key = /^\s*([^;#=\s[][^=]*?)\s*(?:\[\])?\s*(?:=|$)/.exec(line)?.[1];
    if (key === undefined) return;
    const id = idOf(section, key);
    lines.set(id, [...(lines.get(id) ?? []), index + 1]);
  });
  return lines;
}

function choose(
  setting: Setting,
  found: readonly Found[],
  surroundings: Surroundings,
  problems: string[],
): { value: unknown; origin: Origin; text: string } {
  let first: { value: unknown; origin: Origin; text: string } | undefined;
  for (const { text, origin, base } of [...found, defaultOf(setting, surroundings)]) {
    const parsed = parseSetting(setting, text, base, surroundings.home);
    if ('value' in parsed) {
      first ??= { value: parsed.value, origin, text };
    } else {
      const shown = setting.secret === true ? 'something' : JSON.stringify(text.slice(0, 200));
      const isNamed = origin.place === `--${setting.name}`;
      const where = isNamed ? origin.place : `${origin.place}: ${setting.name}`;
      problems.push(`${where}: found ${shown}, expected ${parsed.expected}`);
    }
  }
  return first ?? { value: undefined, origin: { kind: 'default', place: '' }, text: '' };
}

function defaultOf(setting: Setting, surroundings: Surroundings): Found {
  const text =
    typeof setting.default === 'function' ? setting.default(surroundings) : setting.default;
  return { text, origin: { kind: 'default', place: '' }, base: surroundings.directory };
}

function didYouMean(word: string, known: Iterable<string>): string {
  const near = nearestWord(word, known);
  return near === undefined ? '' : `, did you mean ${near}?`;
}

function deepFreeze<T>(value: T): T {
  return typeof value === 'object' && value !== null ? Object.freeze(value) : value;
}
