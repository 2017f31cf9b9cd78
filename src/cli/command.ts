import type { WindrowSettings } from '#base';
import type { AxisText, Composition } from './port.ts';
import type { ReadSettings, World } from './world.ts';

/** What an option's text becomes. */
interface OptionValues {
  flag: boolean;
  text: string | undefined;
  /** Undefined: not given. */
  truth: boolean | undefined;
  choice: string | undefined;
  whole: number | undefined;
  number: number | undefined;
  /** Milliseconds; `none` is 0. */
  duration: number | undefined;
  bytes: number | undefined;
  list: readonly string[];
}

/** How options that are yes or no are written behind their names. */
export const TRUTH_VALUE = '[yes|no]';

export type OptionKind = keyof OptionValues;

/** One option as data: parser, help, completion, man page and reference are made from it. */
export type OptionSpec =
  | {
      readonly kind: OptionKind;
      /** `-n, --name <text>`; the long form names the property in camel case. */
      readonly flags: string;
      readonly doc: string;
      readonly choices?: readonly string[];
      readonly least?: number;
    }
  /** Collected in the order in which they were written, whichever they are. */
  | { readonly kind: 'axis'; readonly flags: string; readonly doc: string }
  /** Read with the settings; its text comes from their table unless `doc` says more. */
  | { readonly kind: 'setting'; readonly setting: keyof WindrowSettings; readonly doc?: string };

/** Commands with a first word in common, as `windrow traps serve` and `windrow traps ls`. */
export interface CommandGroup {
  readonly name: string;
  readonly summary: string;
}

export interface CommandSpec {
  /** One word, or that of a group and its own: `traps serve`. */
  readonly name: string;
  readonly summary: string;
  /** `[job]`, `<job>`, `[job...]`, as commander has them. */
  readonly arguments: readonly { readonly usage: string; readonly doc: string }[];
  /** Words after `--` are a command of the user's. */
  readonly takesCommand?: boolean;
  readonly options: Readonly<Record<string, OptionSpec>>;
  /** Paragraphs for help and manual. */
  readonly details: readonly string[];
  readonly examples: readonly { readonly line: string; readonly does: string }[];
  /** Beyond 0, 1 and 2 with their usual meaning. */
  readonly exitCodes?: Readonly<Record<number, string>>;
  /** Its file is loaded only when it is asked for: the start of every command is felt. */
  load(): Promise<CommandAction>;
}

type Typed<Options extends CommandSpec['options']> = {
  readonly [Key in keyof Options as Options[Key] extends { kind: OptionKind }
    ? Key
    : never]: Options[Key] extends { kind: infer Kind extends OptionKind }
    ? OptionValues[Kind]
    : never;
};

/** What a command gets: checked, typed by its own description. */
export interface CommandInput<Spec extends Omit<CommandSpec, 'load'>> {
  readonly args: readonly string[];
  readonly options: Typed<Spec['options']>;
  readonly words: readonly string[];
  readonly axes: readonly AxisText[];
  readonly settings: ReadSettings;
  readonly composition: Composition;
}

/** Does it; answers with the exit code. */
export type CommandAction = (input: never, world: World) => Promise<number>;

export const USUAL_EXIT_CODES: Readonly<Record<number, string>> = {
  0: 'done',
  1: 'it could not be done; the message says why',
  2: 'the command line or the settings are wrong',
  70: 'a fault of windrow itself',
};

/** The group and the word of a command within it, or null when it stands by itself. */
export function groupOf(name: string): { group: string; word: string } | null {
  const [group, word] = name.split(' ');
  return group === undefined || word === undefined ? null : { group, word };
}

/** Whether the command uses `-h` for an option of its own: then only `--help` shows its help. */
export function ownsShortHelp(spec: CommandSpec): boolean {
  return Object.values(spec.options).some(
    (option) => option.kind !== 'setting' && /^-h\b/.test(option.flags),
  );
}

/** 128 + SIGINT, as shells have it. */
export const INTERRUPTED_EXIT = 130;

/** That of `windrow run`, which the same command goes on with. */
export const RUN_INTERRUPTED_EXIT = 3;

export function exitCodesOf(spec: CommandSpec): [code: number, meaning: string][] {
  const all = { ...USUAL_EXIT_CODES, ...spec.exitCodes };
  return Object.entries(all).map(([code, meaning]) => [Number(code), meaning]);
}
