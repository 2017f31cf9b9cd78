/** From the options of `windrow run` to a planned sweep: what to run, and what must be sent along. */
import { join } from 'node:path';
import type { PlannedSweep, RunOptions } from '#cli';
import {
  type ArgumentAxis,
  jobKey,
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

/** @throws WindrowError naming everything that is wrong with the sweep */
export async function planSweep(
  options: RunOptions,
  { cwd, searchPath }: Surroundings,
): Promise<PlannedSweep> {
  const surroundings = { cwd, searchPath, platform: `${process.platform}-${process.arch}` };
  const given = sweepOptions(options);
  const plan =
    options.sweepFile !== null
      ? await readSweepFile(options.sweepFile, given, surroundings)
      : await planFromArguments({ ...given, ...splitParallelWords(options.words) }, surroundings);
  return plannedOf(plan, cwd);
}

function plannedOf(plan: SweepPlan, cwd: string): PlannedSweep {
  const { tables, blobs, warnings } = plan;
  const output = plan.spec.output || join(cwd, DEFAULT_OUTPUT);
  const spec = { ...plan.spec, output };
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
    time: durationOf(options.timeMs),
    walls: options.walls,
    network: options.network,
    root: options.root,
    priority: options.priority,
  };
  return Object.fromEntries(Object.entries(text).filter(([, value]) => value !== undefined));
}

/** Where a worker elsewhere runs, the user's own directory means nothing. */
function defaultDirectory({ server, sweepFile }: RunOptions): 'scratch' | undefined {
  return server !== null && sweepFile === null ? 'scratch' : undefined;
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
