/** Where macros get their values from. */

/** Stands for the job's number, which only the server knows; see `columns.ts`. */
export const JOB_MARK = '\u0001';

/** Stands for the number of a proc where all procs of a queue are told by one; see `alike.ts`. */
export const PROCESS_MARK = '\u0003';

/** Stands for an item's variable, by its place in the row, where all rows are told by one. */
export function rowMark(place: number): string {
  return `\u0004${place}\u0004`;
}
export const ROW_MARKS = /\u0004(\d+)\u0004/g;
const MACHINE_MARK = '\u0002';
/** What stands between such marks, and the marks, one after the other. */
export const JOB_MARKS = /(\u0001)/;
export const MARKS = /(\u0001|\u0002[0-9a-f]*\u0002)/;
const MARKED = /\u0002([0-9a-f]*)\u0002/g;

/** Stands for `$$(body)`, which only a machine knows: without blanks and quotes, which would part it. */
export function machineMark(body: string): string {
  return `${MACHINE_MARK}${Buffer.from(body).toString('hex')}${MACHINE_MARK}`;
}

/** The text with what `of` makes of each `$$(body)`. */
export function withMachineMarks(text: string, of: (body: string) => string): string {
  if (!hasMachineMark(text)) return text;
  return text.replace(MARKED, (_, hex: string) => of(Buffer.from(hex, 'hex').toString('utf8')));
}

export function hasMachineMark(text: string): boolean {
  return text.includes(MACHINE_MARK);
}

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
  /** Told of each function that is called: what it makes of a value is not known from its text. */
  readonly onCall?: () => void;
}

/** What a function of the language works with. */
export interface Expansion {
  readonly scope: Scope;
  /** One level further in. @throws MacroFault */
  expand(text: string): string;
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
