/** From the options of `windrow run` to a planned sweep: what to run, and what must be sent along. */
import { join } from 'node:path';
import { loginName } from '#base';
import type { PlannedSweep, RunOptions } from '#cli';
import {
  type ArgumentAxis,
  jobKey,
  type PlannedCluster,
  planFromArguments,
  readSweepFile,
  type SweepOptions,
  type SweepPlan,
  splitParallelWords,
} from '#sweep';

/** Where outputs go when nobody said: a folder in the current directory. */
const DEFAULT_OUTPUT = 'results';

export interface Surroundings {
  /** Absolute current directory. */
  readonly cwd: string;
  readonly searchPath: string;
}

export interface PlannedRun {
  readonly sweep: PlannedSweep;
  /** Machines that take part, or null. */
  readonly cluster: PlannedCluster | null;
}

/** @throws WindrowError naming everything that is wrong with the sweep */
export async function planSweep(
  options: RunOptions,
  { cwd, searchPath }: Surroundings,
): Promise<PlannedRun> {
  const surroundings = { cwd, searchPath, platform: `${process.platform}-${process.arch}` };
  const given = sweepOptions(options);
  const plan =
    options.sweepFile !== null
      ? await readSweepFile(options.sweepFile, given, surroundings)
      : await planFromArguments({ ...given, ...splitParallelWords(options.words) }, surroundings);
  return { sweep: plannedOf(plan, cwd), cluster: clusterOf(plan.cluster, options) };
}

const NO_CLUSTER = { atLeast: undefined, advertise: '', slots: 0, directory: '' };

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

function plannedOf(plan: SweepPlan, cwd: string): PlannedSweep {
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
