/**
 * `windrow run`: on a server that is named, or on one of its own with a worker beside it. What comes
 * after the plan is loaded then: the worker's process loads its part at the same time.
 */
import { join } from 'node:path';
import { makeDirectories } from '#base';
import type { RunOptions, World } from '#cli';
import type { PlannedCluster } from '#sweep';
import type { Cluster } from './cluster.ts';
import { prepareWorker } from './local-worker.ts';
import { planSweep } from './plan-sweep.ts';

export async function run(options: RunOptions, world: World): Promise<number> {
  const cwd = world.surroundings.directory;
  const { sweep, cluster: planned } = await planSweep(options, {
    cwd,
    searchPath: world.surroundings.environment.PATH ?? '',
  });
  const isOnlyAsked = options.whyRerun || options.dryRun;
  const cluster = planned && !isOnlyAsked ? await clusterOf(planned, options, world) : null;
  if (options.server !== null) {
    const { runThere } = await import('./run-there.ts');
    return runThere({ url: options.server, sweep, cluster }, options, world);
  }
  const directory = options.stateDirectory ?? join(sweep.spec.output, '.windrow');
  makeOutput(sweep.spec.output);
  const isAlone = options.slots === 0 || isOnlyAsked;
  const worker = isAlone ? null : prepareWorker(directory, options, world);
  const { runHere } = await import('./run-here.ts');
  return runHere({ directory, sweep, worker, cluster }, options, world);
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

/**
 * With the mode that the user's umask gives: only `.windrow` in it is private. A directory that
 * cannot be made is told of by whoever needs it first.
 */
function makeOutput(directory: string): void {
  try {
    makeDirectories(directory);
  } catch {}
}
