/** From the options of `windrow run` to a planned sweep: what to run, and what must be sent along. */
import { join } from 'node:path';
import { loginName } from '#base';
import type { PlannedSweep, RunOptions, World } from '#cli';
import {
  type ArgumentAxis,
  isSubmitFile,
  jobKey,
  type PlannedCluster,
  planFromArguments,
  readSweepFile,
  type SweepOptions,
  type SweepPlan,
  splitParallelWords,
  submitErrors,
} from '#sweep';
import { PLATFORM } from './executables.ts';

/** Where outputs go when nobody said: a folder in the current directory. */
const DEFAULT_OUTPUT = 'results';

export interface PlannedRun {
  /** More than one only of a submit description. */
  readonly sweeps: readonly PlannedSweep[];
  /** Absolute; null: `.windrow` in the output directory. */
  readonly stateDirectory: string | null;
  /** Machines that take part, or null. */
  readonly cluster: PlannedCluster | null;
}

/** @throws WindrowError naming everything that is wrong with the sweep */
export async function planSweep(options: RunOptions, world: World): Promise<PlannedRun> {
  const { directory: cwd, environment } = world.surroundings;
  const { sweepFile } = options;
  if (sweepFile !== null && (await isSubmitFile(sweepFile, cwd))) {
    refuseOptions(sweepFile, options);
    const { planDescription, stateOf } = await import('./plan-description.ts');
    // The same salt each time, so that a run which was interrupted goes on with the same numbers.
    const sweeps = await planDescription(sweepFile, world, '');
    return { sweeps, stateDirectory: stateOf(cwd, sweepFile), cluster: clusterOf(null, options) };
  }
  const surroundings = { cwd, searchPath: environment.PATH ?? '', platform: PLATFORM };
  const given = sweepOptions(options);
  const plan =
    options.sweepFile !== null
      ? await readSweepFile(options.sweepFile, given, surroundings)
      : await planFromArguments({ ...given, ...splitParallelWords(options.words) }, surroundings);
  const cluster = clusterOf(plan.cluster, options);
  return { sweeps: [plannedOf(plan, cwd)], stateDirectory: null, cluster };
}

/** What a description says itself. */
function refuseOptions(file: string, options: RunOptions): void {
  const {
    output: _,
    directory: __,
    ...given
  } = sweepOptions({ ...options, server: null, nodes: undefined });
  const found = Object.entries(given).find(
    ([, value]) => !Array.isArray(value) || value.length > 0,
  );
  if (!found) return;
  const name = found[0] === 'axes' ? `--${options.axes[0]!.kind}` : `--${kebab(found[0])}`;
  throw submitErrors.create('SUBMIT_OPTION', { found: name, file });
}

function kebab(name: string): string {
  const singular = SINGULAR[name] ?? name;
  return singular.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

const SINGULAR: Readonly<Record<string, string>> = {
  inputs: 'input',
  results: 'result',
  environment: 'env',
  attributes: 'attribute',
  concurrencyLimits: 'concurrencyLimit',
};

const NO_CLUSTER = {
  atLeast: undefined,
  advertise: '',
  slots: 0,
  directory: '',
  walls: undefined,
};

/** The command line goes before the sweep file. */
function clusterOf(
  written: PlannedCluster | null,
  { nodes, atLeast }: RunOptions,
): PlannedCluster | null {
  const list = nodes ? ({ kind: 'file', ...nodes } as const) : written?.nodes;
  if (!list) return null;
  const known = written ?? NO_CLUSTER;
  return { ...known, nodes: list, atLeast: atLeast ?? known.atLeast };
}

export function plannedOf(plan: SweepPlan, cwd: string): PlannedSweep {
  const { tables, blobs, warnings } = plan;
  const output = plan.spec.output || join(cwd, DEFAULT_OUTPUT);
  const spec = { ...plan.spec, output, owner: loginName() };
  const { key, parts } = jobKey(spec);
  return { spec, tables, blobs, key, keyParts: parts, warnings };
}

function sweepOptions(options: RunOptions): SweepOptions {
  const text: Record<string, unknown> = {
    axes: options.axes.map(axisOf),
    name: options.name,
    output: options.output,
    retries: options.retries,
    timeout: durationOf(options.timeoutMs),
    validate: options.validate,
    validateExpression: options.validateExpression,
    collect: options.collect,
    order: options.order,
    keep: options.keep,
    directory: options.directory ?? defaultDirectory(options),
    inputs: options.inputs,
    results: options.results,
    environment: options.environment,
    cpus: options.cpus,
    memory: bytesOf(options.memoryBytes),
    disk: bytesOf(options.diskBytes),
    processes: options.processes,
    gpus: options.gpus,
    time: durationOf(options.timeMs),
    walls: options.walls,
    network: options.network,
    root: options.root,
    priority: options.priority,
    requirements: options.requirements,
    rank: options.rank,
    attributes: options.attributes,
    concurrencyLimits: options.concurrencyLimits,
    accountingGroup: options.accountingGroup,
  };
  return Object.fromEntries(Object.entries(text).filter(([, value]) => value !== undefined));
}

/** Where a worker elsewhere runs, the user's own directory means nothing. */
function defaultDirectory({ server, sweepFile, nodes }: RunOptions): 'scratch' | undefined {
  return (server !== null || nodes) && sweepFile === null ? 'scratch' : undefined;
}

function axisOf({ kind, text }: RunOptions['axes'][number]): ArgumentAxis {
  return kind === 'parameters' || kind === 'each-line' ? { kind, file: text } : { kind, text };
}

function durationOf(ms: number | undefined): string | undefined {
  if (ms === undefined) return undefined;
  return ms === 0 ? 'none' : `${ms} ms`;
}

function bytesOf(bytes: number | undefined): string | undefined {
  return bytes === undefined ? undefined : `${bytes} B`;
}
