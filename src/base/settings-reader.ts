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

export type OriginKind = 'command line' | 'environment' | 'user file' | 'system file' | 'default';

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
  readonly kind: 'user file' | 'system file';
  readonly path: string;
  readonly text: string;
}

const FILE_MOST_BYTES = 1 << 20;

/** Set by Windrow itself for the programs that it runs, so they are no mistyped settings. */
const NOT_SETTINGS = /^WINDROW_(JOB|TASK|TICKET|ATTEMPT|SCRATCH|RESULT_DIR|SUCCEEDS|PARAM_.*)$/;

/** The files of A9 in order of precedence; those that do not exist are left out. */
export function findSettingsFiles(surroundings: Surroundings): SettingsFile[] {
  const { environment, home } = surroundings;
  const configHome = environment.XDG_CONFIG_HOME || join(home, '.config');
  const candidates = [
    { kind: 'user file', path: join(configHome, 'windrow', 'windrow.conf') },
    { kind: 'system file', path: '/etc/windrow/windrow.conf' },
  ] as const;
  return candidates.flatMap(({ kind, path }) => {
    const text = readIfThere(path);
    return text === null ? [] : [{ kind, path, text }];
  });
}

function readIfThere(path: string): string | null {
  try {
    const bytes = readFileSync(path);
    if (bytes.length > FILE_MOST_BYTES) throw new Error('it is longer than 1 MiB');
    return bytes.toString('utf8');
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw baseErrors.create('SETTINGS_INVALID', { problems: `${path}: ${messageOf(error)}` });
  }
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
    readonly files: readonly SettingsFile[];
    readonly surroundings: Surroundings;
  },
): Settings<Table> {
  const problems: string[] = [];
  const warnings: string[] = [];
  const found = new Map<string, Found[]>();
  const add = (name: string, value: Found) => found.set(name, [...(found.get(name) ?? []), value]);
  const names = Object.values(table).map((setting) => setting.name);

  takeFlags(sources.flags, sources.surroundings, add);
  takeEnvironment(table, sources.surroundings, add, warnings);
  for (const file of sources.files) takeFile(names, file, add, problems);

  const values: Record<string, unknown> = {};
  const origins: Record<string, Origin> = {};
  const texts: Record<string, string> = {};
  for (const [key, setting] of Object.entries(table)) {
    const chosen = choose(setting, found.get(setting.name) ?? [], sources.surroundings, problems);
    values[key] = deepFreeze(chosen.value);
    origins[key] = chosen.origin;
    texts[key] = setting.secret === true && chosen.text !== '' ? '(hidden)' : chosen.text;
  }
  if (problems.length > 0)
    throw baseErrors.create('SETTINGS_INVALID', { problems: problems.join('; ') });
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

function takeFile(
  names: readonly string[],
  file: SettingsFile,
  add: Add,
  problems: string[],
): void {
  const lines = linesOfKeys(file.text);
  for (const [name, value] of Object.entries(ini.parse(file.text))) {
    const numbers = lines.get(name) ?? [1];
    const place = `${file.path}:${numbers.at(-1)}`;
    if (typeof value === 'object' && value !== null) {
      problems.push(`${place}: [${name}]: sections and lists have no meaning here`);
    } else if (!names.includes(name)) {
      problems.push(`${place}: ${name} is no setting${didYouMean(name, names)}`);
    } else if (numbers.length > 1) {
      problems.push(`${place}: ${name} stands already in line ${numbers[0]}`);
    } else {
      const origin: Origin = { kind: file.kind, place };
      add(name, { text: String(value), origin, base: dirname(file.path) });
    }
  }
}

/**
 * The library that reads INI does not say where; this finds the lines of each key, and of each
 * section, whose keys do not count.
 */
function linesOfKeys(text: string): Map<string, number[]> {
  const lines = new Map<string, number[]>();
  let inSection = false;
  text.split(/\r\n|\r|\n/).forEach((line, index) => {
    const section = /^\s*\[([^\]]*)\]\s*$/.exec(line)?.[1];
    const key = /^\s*([^;#=\s[][^=]*?)\s*(?:\[\])?\s*(?:=|$)/.exec(line)?.[1];
    const name = section ?? (inSection ? undefined : key);
    inSection ||= section !== undefined;
    if (name !== undefined) lines.set(name, [...(lines.get(name) ?? []), index + 1]);
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
      problems.push(
        `${origin.place}: ${setting.name}: found ${shown}, expected ${parsed.expected}`,
      );
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
