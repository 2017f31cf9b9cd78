/** Where macros get their values from. */

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
