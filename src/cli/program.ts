import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { parseBytes, parseDurationMs, type Setting, windrowSettings } from '#base';
import {
  type CommandSpec,
  exitCodesOf,
  groupOf,
  type OptionSpec,
  ownsShortHelp,
  TRUTH_VALUE,
} from './command.ts';
import { cliErrors } from './errors.ts';
import type { AxisText } from './port.ts';
import { COMMANDS, GROUPS } from './table.ts';

/** A command line, read but for the settings. */
export type ParsedLine =
  | {
      readonly kind: 'command';
      readonly spec: CommandSpec;
      readonly args: readonly string[];
      readonly words: readonly string[];
      readonly options: Readonly<Record<string, unknown>>;
      readonly axes: readonly AxisText[];
      /** Setting name → text, as `readSettings` takes it. */
      readonly flags: Readonly<Record<string, string>>;
    }
  /** Help or version was asked for; this is the text. */
  | { readonly kind: 'text'; readonly text: string };

/** Reads the words after `windrow`. Throws USAGE_WRONG. */
export function parseLine(argv: readonly string[], columns: number): ParsedLine {
  const [before, words] = splitWords(argv.length === 0 ? ['--help'] : argv);
  if (before.length === 1 && /^(-V|--version)$/.test(before[0]!)) before[0] = 'version';
  let parsed: ParsedLine | undefined;
  const written: string[] = [];
  const write = (text: string) => void written.push(text);
  const named = before[0] === 'help' ? before[1] : before[0];
  const program = buildProgram(named, columns, write, (found) => {
    parsed = found;
  });
  try {
    program.parse(withTruths(before), { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    const isHelp = error.exitCode === 0 || error.code === 'commander.help';
    if (isHelp) return { kind: 'text', text: written.join('') };
    throw usageError(error, before);
  }
  if (parsed?.kind !== 'command') return { kind: 'text', text: written.join('') };
  return withWords(parsed, words);
}

/** The help of one command, or of windrow itself, as `--help` prints it. */
export function helpOf(name: string | undefined, columns: number): string {
  const line = parseLine(name === undefined ? ['--help'] : [...name.split(' '), '--help'], columns);
  return line.kind === 'text' ? line.text : '';
}

// What follows `--` belongs to the user's command, also where it looks like our options.
function splitWords(argv: readonly string[]): [string[], string[] | null] {
  const at = argv.indexOf('--');
  return at < 0 ? [[...argv], null] : [argv.slice(0, at), argv.slice(at + 1)];
}

const TRUTH = /^(yes|no|true|false|on|off)$/i;

/**
 * Of options that are yes or no: `--tls` is `--tls=yes`, `--tls no` is `--tls=no`, and so is
 * `--no-tls`. Commander alone would take whatever word comes next for the value.
 */
function withTruths(words: readonly string[]): string[] {
  const longs = truthOptions(words);
  const found: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    const long = longs.get(word);
    const next = words[at + 1] ?? '';
    const denied = word.startsWith('--no-') ? longs.get(`--${word.slice(5)}`) : undefined;
    if (denied !== undefined) found.push(`${denied}=no`);
    else if (long === undefined) found.push(word);
    else if (!TRUTH.test(next)) found.push(`${long}=yes`);
    else {
      found.push(`${long}=${next}`);
      at++;
    }
  }
  return found;
}

/** Those of the command that the words name: each of their names → the long one. */
function truthOptions(words: readonly string[]): Map<string, string> {
  const spec = COMMANDS.find(({ name }) => {
    const own = name.split(' ');
    return own.every((word, at) => word === words[at]);
  });
  const longs = new Map<string, string>();
  for (const option of Object.values(spec?.options ?? {})) {
    const flags = option.kind === 'setting' ? settingOption(option).flags : option.flags;
    if (!flags.endsWith(TRUTH_VALUE)) continue;
    const { long, short } = new Option(flags);
    for (const name of [long, short]) if (name && long) longs.set(name, long);
  }
  return longs;
}

function withWords(
  parsed: Extract<ParsedLine, { kind: 'command' }>,
  words: string[] | null,
): ParsedLine {
  if (words === null) return parsed;
  if (parsed.spec.takesCommand === true) return { ...parsed, words };
  throw cliErrors.create('USAGE_WRONG', {
    problem: `${parsed.spec.name} takes no command after --`,
    help: `windrow ${parsed.spec.name} --help`,
  });
}

/** Of commands and groups that are not `named` only what the list shows: to describe all takes 5 ms. */
function buildProgram(
  named: string | undefined,
  columns: number,
  write: (text: string) => void,
  found: (line: ParsedLine) => void,
): Command {
  const program = new Command('windrow')
    .description('High-throughput computing: a program, a table of parameter sets, some machines.')
    .usage('COMMAND [options]')
    .exitOverride()
    .configureOutput({
      writeOut: write,
      writeErr: write,
      getOutHelpWidth: () => columns,
      getOutHasColors: () => false,
    })
    .helpCommand('help [command]', 'Show the help of a command.')
    .addHelpText('after', '\nEach command has examples: windrow COMMAND --help\n');
  const groups = new Map(
    GROUPS.map(({ name, summary }) => [
      name,
      program.command(name).summary(summary).description(summary).helpCommand(false),
    ]),
  );
  for (const spec of COMMANDS) {
    const place = groupOf(spec.name);
    const parent = place === null ? program : groups.get(place.group)!;
    const command = parent.command(place?.word ?? spec.name).summary(spec.summary);
    if ((place?.group ?? spec.name) === named) describeCommand(command, spec, found);
  }
  program.option('-V, --version', 'Print the version.');
  return program;
}

function describeCommand(
  command: Command,
  spec: CommandSpec,
  found: (line: ParsedLine) => void,
): void {
  if (ownsShortHelp(spec)) command.helpOption('--help', 'display help for command');
  command.description([spec.summary, ...spec.details].join('\n\n'));
  command.allowExcessArguments(false);
  if (spec.takesCommand === true) command.usage(usageOfRun(spec));
  for (const argument of spec.arguments) command.argument(argument.usage, argument.doc);
  const axes: AxisText[] = [];
  for (const [key, option] of Object.entries(spec.options)) addOption(command, key, option, axes);
  command.addHelpText('after', afterHelp(spec));
  command.action(() => {
    const given = command.opts();
    const { options, flags } = sortOptions(spec, given);
    found({ kind: 'command', spec, args: command.args, words: [], options, axes, flags });
  });
}

export function usageOfRun(spec: CommandSpec): string {
  const first = spec.arguments[0]?.usage ?? '';
  if (first === '') return '[options] -- COMMAND…';
  if (first.startsWith('<')) return `[options] ${first} -- COMMAND…`;
  return `[options] ${spec.arguments.map((one) => one.usage).join(' ')} | [options] -- COMMAND…`;
}

/** The setting that an option sets, and how it is written: `--lease <duration>`, `--tls [yes|no]`. */
export function settingOption(option: Extract<OptionSpec, { kind: 'setting' }>): {
  setting: Setting;
  flags: string;
  doc: string;
} {
  const setting: Setting = windrowSettings[option.setting];
  const value = setting.type === 'boolean' ? TRUTH_VALUE : `<${setting.value}>`;
  const flags = `--${setting.name} ${value}`;
  const fallback =
    setting.defaultDoc ?? (typeof setting.default === 'string' ? setting.default : '');
  const doc = option.doc ?? `${setting.doc.replace(/\.$/, '')} (default: ${fallback}).`;
  return { setting, flags, doc };
}

function addOption(command: Command, key: string, spec: OptionSpec, axes: AxisText[]): void {
  if (spec.kind === 'setting') {
    const { setting, flags, doc } = settingOption(spec);
    const option = new Option(flags, doc);
    if (setting.choices) option.choices([...setting.choices]);
    command.addOption(option);
    return;
  }
  const option = new Option(spec.flags, spec.doc);
  if (spec.kind === 'axis') {
    const kind = option.name() as AxisText['kind'];
    command.addOption(option);
    command.on(`option:${option.name()}`, (text: string) => void axes.push({ kind, text }));
    return;
  }
  if (spec.kind === 'list') option.default([], 'none');
  if (spec.kind === 'list') option.argParser((text, all: string[]) => [...all, text]);
  else if (spec.choices) option.choices([...spec.choices]);
  else if (spec.kind !== 'flag')
    option.argParser((text) => READERS[spec.kind](text, spec.least ?? 0));
  if (option.attributeName() !== key)
    throw new Error(`${command.name()}: ${spec.flags} is not ${key}`);
  command.addOption(option);
}

type Reader = (text: string, least: number) => unknown;

const READERS: Readonly<Record<Exclude<OptionSpec['kind'], 'setting' | 'axis'>, Reader>> = {
  flag: () => true,
  text: (text) => text,
  truth: (text) =>
    orInvalid(TRUTH.test(text) ? /^(yes|true|on)$/i.test(text) : undefined, 'expected yes or no'),
  choice: (text) => text,
  list: (text) => text,
  whole: (text, least) => {
    const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    return orInvalid(value >= least ? value : undefined, `expected a whole number from ${least}`);
  },
  number: (text) => {
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : undefined;
    return orInvalid(
      value !== undefined && value > 0 ? value : undefined,
      'expected a number above 0',
    );
  },
  duration: (text) =>
    orInvalid(
      text === 'none' ? 0 : parseDurationMs(text),
      'expected a duration like "10 min", or none',
    ),
  bytes: (text) => orInvalid(parseBytes(text), 'expected a size like "512 MB"'),
};

function orInvalid<T>(value: T | undefined, expected: string): T {
  if (value === undefined) throw new InvalidArgumentError(expected);
  return value;
}

/** Parts what was given into options of the command and settings. */
function sortOptions(
  spec: CommandSpec,
  given: Record<string, unknown>,
): { options: Record<string, unknown>; flags: Record<string, string> } {
  const options: Record<string, unknown> = {};
  const flags: Record<string, string> = {};
  for (const [key, option] of Object.entries(spec.options)) {
    if (option.kind === 'setting') {
      const { setting } = settingOption(option);
      const value = given[new Option(`--${setting.name}`).attributeName()];
      if (value !== undefined) flags[setting.name] = String(value);
    } else if (option.kind !== 'axis') {
      const value = given[key] ?? (option.kind === 'flag' ? false : undefined);
      // A duration that may stand without its value is without limit then.
      options[key] = value === true && option.kind === 'duration' ? 0 : value;
    }
  }
  return { options, flags };
}

function afterHelp(spec: CommandSpec): string {
  const examples = spec.examples.map(({ line, does }) => `  # ${does}\n  ${line}`);
  const codes = exitCodesOf(spec).map(
    ([code, meaning]) => `  ${String(code).padEnd(3)} ${meaning}`,
  );
  return `\nExamples:\n${examples.join('\n')}\n\nExit codes:\n${codes.join('\n')}\n`;
}

function usageError(error: CommanderError, argv: readonly string[]): Error {
  const named = [argv.slice(0, 2).join(' '), argv[0]];
  const names = [...COMMANDS, ...GROUPS].map(({ name }) => name);
  const name = named.find((one) => one !== undefined && names.includes(one));
  const problem = error.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ');
  const help = name === undefined ? 'windrow --help' : `windrow ${name} --help`;
  // Who comes from parallel or xargs writes the command straight away.
  if (name === 'run' && error.code === 'commander.excessArguments') {
    const told = 'found several words that are no options; the command goes behind --';
    return cliErrors.create('USAGE_WRONG', { problem: told, help });
  }
  return cliErrors.create('USAGE_WRONG', { problem, help });
}
