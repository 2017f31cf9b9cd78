/**
 * `windrow run`: on a server that is named, or on one of its own with a worker beside it. What comes
 * after the plan is loaded then: the worker's process loads its part at the same time.
 */
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { makeDirectories, systemReasonOf } from '#base';
import { type PlannedSweep, RUN_INTERRUPTED_EXIT, type RunOptions, type World } from '#cli';
import { isDemanding } from '#model';
import type { PlannedCluster } from '#sweep';
import type { Cluster } from './cluster.ts';
import { prepareWorker } from './local-worker.ts';
import { planSweep } from './plan-sweep.ts';

export async function run(options: RunOptions, world: World): Promise<number> {
  const plan = await unlessEnding(planSweep(options, world), world.ending);
  if (plan === null) return RUN_INTERRUPTED_EXIT;
  const { sweeps, stateDirectory, cluster: planned } = plan;
  if (options.dryRun && stateDirectory !== null) {
    const { adTexts } = await import('#sweep');
    for (const { spec } of sweeps) {
      for (const text of adTexts(spec, world.clock.now())) await world.stdout.write(`${text}\n`);
    }
    return 0;
  }
  const isOnlyAsked = options.whyRerun || options.dryRun;
  const cluster = planned && !isOnlyAsked ? await clusterOf(planned, options, world) : null;
  if (options.server !== null) {
    const { runThere } = await import('./run-there.ts');
    return runThere({ url: options.server, sweeps, cluster }, options, world);
  }
  const isAlone = options.slots === 0 || isOnlyAsked;
  // Only root becomes somebody else; others need not wait for what finds that out to be loaded.
  if (!isAlone && process.geteuid?.() === 0) await refuseDirectories(sweeps, options);
  const directory =
    options.stateDirectory ?? stateDirectory ?? join(sweeps[0]!.spec.output, '.windrow');
  if (stateDirectory === null) await makeOutput(sweeps[0]!.spec.output);
  const worker = isAlone ? null : prepareWorker(directory, options, world);
  const { runHere } = await import('./run-here.ts');
  return runHere({ directory, sweeps, worker, cluster }, options, world);
}

/** Null as soon as the user wants it to end: files may be large, and disks slow. */
async function unlessEnding<T>(work: Promise<T>, ending: AbortSignal): Promise<T | null> {
  if (ending.aborted) return null;
  return Promise.race([work, once(ending, 'abort').then(() => null)]);
}

/** Read before anything begins: a list that is wrong is refused like a sweep that is. */
async function clusterOf(
  planned: PlannedCluster,
  options: RunOptions,
  world: World,
): Promise<Cluster> {
  const { Cluster } = await import('./cluster.ts');
  return new Cluster(planned, options, world);
}

/** Throws WALLS_DIRECTORY_CLOSED: each attempt would only be refused for the same reason. */
async function refuseDirectories(
  sweeps: readonly PlannedSweep[],
  { workerWalls: level, accounts }: RunOptions,
): Promise<void> {
  for (const { spec } of sweeps) {
    const { isolation, request, owner } = spec;
    const isBare = level === 'bare' && isolation.walls === null && !isDemanding(isolation);
    const isOwn = isBare && Object.keys(accounts.payload).length === 0;
    if (spec.directory.kind !== 'submit' || isOwn) continue;
    const { refuseDirectory } = await import('#sandbox');
    const intended = { directory: spec.directory.path, owner, isolation, request };
    await refuseDirectory(intended, { level, ...accounts });
  }
}

/**
 * With the mode that the user's umask gives: only `.windrow` in it is private.
 * @throws WindrowError OUTPUT_UNWRITABLE, before the state in it is missed
 */
async function makeOutput(directory: string): Promise<void> {
  try {
    makeDirectories(directory);
    accessSync(directory, constants.W_OK | constants.X_OK);
  } catch (error) {
    const { serverErrors } = await import('#server');
    throw serverErrors.create('OUTPUT_UNWRITABLE', { directory, why: systemReasonOf(error) });
  }
}
