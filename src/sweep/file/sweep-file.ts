import { isUtf8 } from 'node:buffer';
import { open } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import { systemReasonOf } from '#base';
import {
  axesOfArguments,
  documentOfOptions,
  originOfOption,
  type SweepOptions,
} from '../arguments/options.ts';
import { planErrors } from '../errors.ts';
import type { AxisDraft, SweepPlan } from '../plan/draft.ts';
import { makePlan } from '../plan/plan.ts';
import { splitRange } from '../rows/range.ts';
import { formatOfName } from '../table/format.ts';
import { checkDocument, type FindOrigin } from './document.ts';
import { findKeys, type KeyFinder, type KeyPlace } from './key-lines.ts';
import type { SweepDocument } from './schema.ts';

const MAX_BYTES = 4 * 2 ** 20;

/** What a sweep is read under, besides its own text. */
export interface SweepSurroundings {
  /** Absolute; relative paths of the command line start here. */
  readonly cwd: string;
  /** `<os>-<arch>` of this machine, for a program that is shipped without saying for which. */
  readonly platform: string;
  /** `$PATH`, to find the program that the command names. */
  readonly searchPath: string;
}

/**
 * Reads a sweep file (TOML; docs/guide/sweeps.md). `overrides` are options of the command line:
 * each replaces the key of the same name, and any parameters replace `parameters` as a whole.
 * @throws every problem at once, with file and line
 */
export async function readSweepFile(
  path: string,
  overrides: SweepOptions,
  surroundings: SweepSurroundings,
): Promise<SweepPlan> {
  const { cwd } = surroundings;
  const text = await readText(resolve(cwd, path), path);
  const keys = findKeys(text);
  const options = documentOfOptions(overrides, cwd);
  const findOrigin = finderOf(path, keys, options);
  const document = checkDocument(merge(parseToml(text, path), options), findOrigin);
  const base = dirname(resolve(cwd, path));
  const axes = axesOfArguments(overrides, cwd);
  const { command } = document;
  return makePlan({
    document,
    findOrigin,
    command:
      typeof command === 'string'
        ? { kind: 'shell', template: command }
        : { kind: 'argv', template: command },
    axes: axes.length > 0 ? axes : axesOfDocument(document, base, keys, findOrigin),
    base,
    defaultName: basename(path).replace(/\.[^.]*$/, '') || 'sweep',
    defaultDirectory: 'scratch',
    platform: surroundings.platform,
    searchPath: surroundings.searchPath,
    warnings: [],
  });
}

async function readText(path: string, file: string): Promise<string> {
  const content = await readBounded(path).catch((error: unknown) => {
    const found = systemReasonOf(error);
    throw planErrors.create('SWEEP_UNREADABLE', { file, found });
  });
  if (content.length > MAX_BYTES) {
    throw planErrors.create('SWEEP_UNREADABLE', { file, found: 'more than 4 MiB' });
  }
  if (isUtf8(content)) return content.toString('utf8').replace(/^\uFEFF/, '');
  throw planErrors.create('SWEEP_UNREADABLE', { file, found: 'it is not UTF-8' });
}

/** At most one byte more than is allowed, also from a pipe. */
async function readBounded(path: string): Promise<Buffer> {
  const file = await open(path);
  try {
    const pieces: Buffer[] = [];
    const stream = file.createReadStream({ end: MAX_BYTES, autoClose: false });
    for await (const piece of stream) pieces.push(piece as Buffer);
    return Buffer.concat(pieces);
  } finally {
    await file.close();
  }
}

function parseToml(text: string, file: string): Record<string, unknown> {
  try {
    return parse(text, { integersAsBigInt: 'asNeeded' });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const found = error.message.split('\n')[0]!.replace('Invalid TOML document: ', '');
    const { line, column } = error;
    throw planErrors.create('SWEEP_BAD_TOML', { file, line, column, found });
  }
}

/** Options replace keys; those of [request], [environment] … one by one. */
function merge(
  data: Record<string, unknown>,
  options: Record<string, unknown>,
): Record<string, unknown> {
  const merged = { ...data };
  for (const [key, value] of Object.entries(options)) {
    const together = key !== 'results' && isTable(value) && isTable(data[key]);
    merged[key] = together ? { ...(data[key] as object), ...(value as object) } : value;
  }
  return merged;
}

function isTable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function finderOf(file: string, keys: KeyFinder, options: Record<string, unknown>): FindOrigin {
  return (path) => {
    const option = originOfOption(path, options);
    if (option) return option;
    const place = placeOf(path, keys);
    const what = describeKey(path);
    // The text of a command or template begins where its value does.
    if (place) return { what, file, line: path[0] === 'command' ? place.valueLine : place.line };
    return path.length === 0 ? { what, file } : { what, file, line: 1 };
  };
}

/** Policies may be written with `_` as well: the key that is there is further on than its table. */
function placeOf(path: readonly (string | number)[], keys: KeyFinder): KeyPlace | undefined {
  const place = keys(path);
  if (path[0] !== 'policy' || path.length < 2) return place;
  const other = keys([path[0], String(path[1]).replaceAll('-', '_')]);
  return other && place && other.order > place.order ? other : (place ?? other);
}

/** `['inputs', 'a.ini']` → `[inputs] "a.ini"`; `['retries']` → `retries`. */
function describeKey(path: readonly (string | number)[]): string {
  if (path.length < 2) return String(path[0] ?? 'sweep');
  const [section, ...rest] = path;
  return `[${section}] ${rest.map((key) => (typeof key === 'number' ? `item ${key + 1}` : JSON.stringify(key))).join(' ')}`;
}

function pathOf(file: string, base: string): string {
  return file === '-' ? '-' : resolve(base, file);
}

/** The factors in the order in which they are written. */
function axesOfDocument(
  { parameters }: SweepDocument,
  base: string,
  keys: KeyFinder,
  findOrigin: FindOrigin,
): AxisDraft[] {
  const found: { path: string[]; axis: AxisDraft }[] = [];
  const add = (path: string[], axis: AxisDraft) => found.push({ path, axis });
  const files = [parameters?.file ?? []].flat();
  for (const file of files) {
    const format = parameters?.format ?? formatOfName(file);
    const origin = findOrigin(['parameters', 'file']);
    add(['parameters', 'file'], { kind: 'file', path: pathOf(file, base), file, format, origin });
  }
  if (parameters?.lines !== undefined) {
    const file = parameters.lines;
    const origin = findOrigin(['parameters', 'lines']);
    const path = pathOf(file, base);
    add(['parameters', 'lines'], { kind: 'file', path, file, format: 'lines', origin });
  }
  for (const [column, range] of Object.entries(parameters?.range ?? {})) {
    const path = ['parameters', 'range', column];
    const parts = typeof range === 'string' ? splitRange(column, range) : range;
    add(path, { kind: 'range', column, ...parts, step: parts.step, origin: findOrigin(path) });
  }
  for (const [column, values] of Object.entries(parameters?.set ?? {})) {
    const path = ['parameters', 'set', column];
    const rows = values.map((value) => [value]);
    add(path, { kind: 'values', columns: [column], rows, origin: findOrigin(path) });
  }
  const order = ({ path }: { path: string[] }) => keys(path)?.order ?? 0;
  return found.sort((a, b) => order(a) - order(b)).map(({ axis }) => axis);
}
