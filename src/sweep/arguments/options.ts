import { resolve } from 'node:path';
import { planErrors } from '../errors.ts';
import type { AxisDraft } from '../plan/draft.ts';
import { isUrl } from '../plan/remote.ts';
import { splitRange } from '../rows/range.ts';
import { formatOfName, type TableFormat } from '../table/format.ts';
import type { Origin } from '../template/origin.ts';

/** A factor of the parameters, in the order in which the options were given. */
export type ArgumentAxis =
  /** `--parameters FILE`; `-` is standard input. */
  | { readonly kind: 'parameters'; readonly file: string; readonly format?: TableFormat }
  /** `--range a=1..1000..2` */
  | { readonly kind: 'range'; readonly text: string }
  /** `--set x=1,2,3`; a value with a comma in quotes, as in CSV. */
  | { readonly kind: 'set'; readonly text: string }
  /** `--each-line FILE`; `-` is standard input. */
  | { readonly kind: 'each-line'; readonly file: string };

/**
 * Options of the command line that stand for keys of a sweep file; each as the user wrote it.
 * Relative paths start at the current directory.
 */
export interface SweepOptions {
  readonly axes?: readonly ArgumentAxis[];
  readonly name?: string;
  readonly output?: string;
  readonly retries?: string | number;
  readonly timeout?: string;
  readonly killGrace?: string;
  readonly validate?: string;
  readonly validateExpression?: string;
  readonly validateTimeout?: string;
  /** `concat`, `blockwise`, `table`, `none`, a module, or `table:csv,parquet`. */
  readonly collect?: string;
  readonly order?: string;
  readonly keep?: string;
  readonly directory?: string;
  readonly idempotent?: boolean;
  /** `PLATFORM=PATH` each. */
  readonly programs?: readonly string[];
  /** `NAME=FILE` or `NAME=URL` each. */
  readonly inputs?: readonly string[];
  /** `NAME=SOURCE` each; replace all results of a sweep file. */
  readonly results?: readonly string[];
  /** `NAME=VALUE` each. */
  readonly environment?: readonly string[];
  readonly cpus?: string | number;
  readonly memory?: string;
  readonly disk?: string;
  readonly processes?: string | number;
  readonly gpus?: string | number;
  readonly time?: string;
  /** A level, or walls separated by commas. */
  readonly walls?: string;
  readonly network?: string;
  readonly root?: string;
  readonly deleteWorker?: boolean;
  readonly deleteClient?: boolean;
  readonly logSize?: string;
  readonly resultSize?: string;
  readonly priority?: string | number;
  readonly requirements?: string;
  readonly rank?: string;
  /** `NAME=EXPRESSION` each. */
  readonly attributes?: readonly string[];
  /** `NAME` or `NAME:AMOUNT` each. */
  readonly concurrencyLimits?: readonly string[];
  readonly accountingGroup?: string;
}

/** Options whose value goes into the document as it is, by their key there. */
const PLAIN_KEYS = {
  name: 'name',
  timeout: 'timeout',
  killGrace: 'kill-grace',
  validateTimeout: 'validate-timeout',
  order: 'order',
  keep: 'keep',
  directory: 'directory',
  idempotent: 'idempotent',
  deleteWorker: 'delete-worker',
  deleteClient: 'delete-client',
  logSize: 'log-size',
  resultSize: 'result-size',
  requirements: 'requirements',
  rank: 'rank',
  accountingGroup: 'accounting-group',
} as const satisfies Partial<Record<keyof SweepOptions, string>>;

/** The keys of a sweep file that the options stand for, to be checked as such. */
export function documentOfOptions(options: SweepOptions, cwd: string): Record<string, unknown> {
  const document: Record<string, unknown> = {};
  const put = (key: string, value: unknown) => {
    if (value !== undefined) document[key] = value;
  };
  for (const [option, key] of Object.entries(PLAIN_KEYS)) {
    put(key, options[option as keyof typeof PLAIN_KEYS]);
  }
  put('retries', asNumber(options.retries));
  put('priority', asNumber(options.priority));
  put('output', options.output && resolve(cwd, options.output));
  put('validate', options.validate && resolve(cwd, options.validate));
  if (options.validateExpression !== undefined) {
    put('validate', { expression: options.validateExpression });
  }
  put('collect', collectOf(options.collect, cwd));
  put('request', requestOf(options));
  put('isolation', isolationOf(options));
  put(
    'programs',
    pairsOf('--program', options.programs, (path) => resolve(cwd, path)),
  );
  put(
    'inputs',
    pairsOf('--input', options.inputs, (from) =>
      isUrl(from) ? { url: from } : { file: resolve(cwd, from) },
    ),
  );
  put(
    'results',
    pairsOf('--result', options.results, (source) => source),
  );
  put(
    'environment',
    pairsOf('--env', options.environment, (value) => value),
  );
  put(
    'attributes',
    pairsOf('--attribute', options.attributes, (expression) => ({ expression })),
  );
  put('concurrency-limits', limitsOf(options.concurrencyLimits));
  return document;
}

const FLAGS: Readonly<Record<string, string>> = {
  programs: '--program',
  inputs: '--input',
  results: '--result',
  environment: '--env',
  attributes: '--attribute',
  'concurrency-limits': '--concurrency-limit',
};

function isolationOf({ walls, network, root }: SweepOptions): object | undefined {
  const list = walls?.includes(',') ? walls.split(',').map((wall) => wall.trim()) : walls;
  const given = Object.entries({ walls: list, network, root });
  const present = given.filter(([, value]) => value !== undefined);
  return present.length === 0 ? undefined : Object.fromEntries(present);
}

/** The option that a key came from, if one did. */
export function originOfOption(
  path: readonly (string | number)[],
  document: Record<string, unknown>,
): Origin | undefined {
  const [section, key] = path.map(String);
  if (section === undefined || !Object.hasOwn(document, section)) return undefined;
  const value = document[section];
  if (section === 'request' || section === 'isolation') {
    const given = typeof value === 'object' && value !== null && Object.hasOwn(value, key ?? '');
    return given ? { what: `--${key}` } : undefined;
  }
  const flag = FLAGS[section];
  if (section === 'validate' && typeof value === 'object') return { what: '--validate-expression' };
  if (flag === undefined) return { what: `--${section}` };
  const given = typeof value === 'object' && value !== null && Object.hasOwn(value, key ?? '');
  return given ? { what: `${flag} ${key}` } : undefined;
}

/** The factors that the options give. @throws RANGE_BAD_NUMBER, SWEEP_BAD_VALUE */
export function axesOfArguments({ axes = [] }: SweepOptions, cwd: string): AxisDraft[] {
  return axes.map((axis) => axisOf(axis, cwd));
}

function axisOf(axis: ArgumentAxis, cwd: string): AxisDraft {
  const origin = { what: `--${axis.kind}` };
  if (axis.kind === 'parameters' || axis.kind === 'each-line') {
    const stdin = axis.file === '-';
    const byName = axis.kind === 'each-line' ? 'lines' : formatOfName(axis.file);
    const format = axis.kind === 'parameters' ? (axis.format ?? byName) : byName;
    const path = stdin ? '-' : resolve(cwd, axis.file);
    return { kind: 'file', path, file: stdin ? 'standard input' : axis.file, format, origin };
  }
  const [column, text] = pairOf(origin.what, axis.text);
  if (axis.kind === 'range') return { kind: 'range', column, ...splitRange(column, text), origin };
  const rows = valuesOf(text).map((value) => [value]);
  return { kind: 'values', columns: [column], rows, origin };
}

/** `1,2,"a,b"`: values between commas, quoted as in CSV. @throws SWEEP_BAD_VALUE */
function valuesOf(text: string): string[] {
  const values: string[] = [];
  const value = /(?:"((?:[^"]|"")*)"|((?!")[^,]*))(,|$)/y;
  for (let more = true; more; ) {
    const found = value.exec(text);
    if (!found) {
      const facts = { where: '--set', found: JSON.stringify(text.slice(0, 120)) };
      const expected = 'values between commas, each quote closed';
      throw planErrors.create('SWEEP_BAD_VALUE', { ...facts, expected });
    }
    values.push(found[1]?.replaceAll('""', '"') ?? found[2]!);
    more = found[3] === ',';
  }
  return values;
}

function collectOf(text: string | undefined, cwd: string): unknown {
  if (text === undefined || !/[:/.]/.test(text)) return text;
  if (text.startsWith('table:')) return { formats: text.slice('table:'.length).split(',') };
  return resolve(cwd, text);
}

function requestOf({
  cpus,
  memory,
  disk,
  processes,
  gpus,
  time,
}: SweepOptions): Record<string, unknown> | undefined {
  const given = Object.entries({
    cpus: asNumber(cpus),
    memory,
    disk,
    processes: asNumber(processes),
    gpus: asNumber(gpus),
    time,
  });
  const kept = given.filter(([, value]) => value !== undefined);
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

/** `licence:2`; what is no amount is left for the check to refuse. */
function limitsOf(texts: readonly string[] = []): Record<string, unknown> | undefined {
  if (texts.length === 0) return undefined;
  const limits = texts.map((text) => {
    const [name = '', amount] = text.split(':');
    return [name, amount === undefined ? 1 : asNumber(amount)] as const;
  });
  return Object.fromEntries(limits);
}

/** Numbers of the command line are text; what is no number is left for the check to refuse. */
function asNumber(value: string | number | undefined): unknown {
  return typeof value === 'string' && /^[+-]?\d+(?:\.\d+)?$/.test(value) ? Number(value) : value;
}

function pairsOf(
  option: string,
  texts: readonly string[] | undefined,
  make: (value: string) => unknown,
): Record<string, unknown> | undefined {
  if (!texts || texts.length === 0) return undefined;
  const pairs = texts.map((text) => pairOf(option, text));
  return Object.fromEntries(pairs.map(([name, value]) => [name, make(value)]));
}

function pairOf(option: string, text: string): [string, string] {
  const equals = text.indexOf('=');
  if (equals > 0) return [text.slice(0, equals), text.slice(equals + 1)];
  const facts = { where: option, found: JSON.stringify(text), expected: 'NAME=VALUE' };
  throw planErrors.create('SWEEP_BAD_VALUE', facts);
}
