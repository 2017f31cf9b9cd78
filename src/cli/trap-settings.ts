/** The settings of the trap collector: options made from them, and their INI files read. */
import {
  findSettingsFiles,
  namedSettingsFile,
  readSettings,
  type Setting,
  type Settings,
  type SettingsFile,
  trapSettings,
} from '#base';
import { type OptionSpec, TRUTH_VALUE } from './command.ts';
import type { World } from './world.ts';

const FILE = 'traps.ini';
const SECTION = 'traps';
const HELP = 'windrow traps serve --help';

type TrapKey = keyof typeof trapSettings;

/** One option for each of these settings, under the name that commander gives it. */
export function trapOptions(keys: readonly TrapKey[]): Record<string, OptionSpec> {
  return Object.fromEntries(keys.map((key) => [camelCase(trapSettings[key].name), optionOf(key)]));
}

export const TRAP_KEYS = Object.keys(trapSettings) as TrapKey[];

function optionOf(key: TrapKey): OptionSpec {
  const setting: Setting = trapSettings[key];
  const { name, short, type, value, choices } = setting;
  const long = short === undefined ? `--${name}` : `-${short}, --${name}`;
  const fallback = setting.defaultDoc ?? setting.default;
  const doc = `${setting.doc.replace(/\.$/, '')} (default: ${fallback}).`;
  if (type === 'boolean') return { kind: 'truth', flags: `${long} ${TRUTH_VALUE}`, doc };
  const flags = `${long} <${value}>`;
  return choices ? { kind: 'choice', flags, doc, choices } : { kind: 'text', flags, doc };
}

/** `lustre-root` → `lustreRoot`, as commander does it. */
function camelCase(name: string): string {
  return name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

export interface ReadTrapSettings {
  readonly settings: Settings<typeof trapSettings>;
  /** The options that the command line gave, as it would take them again. */
  readonly given: readonly string[];
}

/**
 * Merges system file, user file, `--filename` and options; later ones win.
 * @param options of the command line, by their commander names
 * @throws WindrowError SETTINGS_INVALID, with file and line of everything that is wrong
 */
export function readTrapSettings(
  options: Readonly<Record<string, unknown>>,
  world: World,
): ReadTrapSettings {
  const { surroundings } = world;
  const flags: Record<string, string> = {};
  const given: string[] = [];
  for (const { name } of Object.values<Setting>(trapSettings)) {
    const value = options[camelCase(name)];
    if (value === undefined) continue;
    const text = typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value);
    flags[name] = text;
    given.push(`--${name}=${text}`);
  }
  const files = findSettingsFiles(surroundings, FILE);
  const read = (all: readonly SettingsFile[]) =>
    readSettings(trapSettings, {
      flags,
      files: all,
      surroundings,
      section: SECTION,
      help: HELP,
      hasVariables: false,
    });
  const { filename } = read(files).values;
  if (filename === '') return { settings: read(files), given };
  return { settings: read([namedSettingsFile(filename, HELP), ...files]), given };
}
