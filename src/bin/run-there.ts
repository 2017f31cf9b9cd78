/** `windrow run --server URL`: the sweep is sent there, and its results are fetched. */
import {
  FOLLOWED,
  type PlannedSweep,
  type RunOptions,
  readToken,
  runSweep,
  type World,
} from '#cli';
import type { JobSpec } from '#model';
import { ApiClient, readSecretFile } from '#wire';
import type { Cluster } from './cluster.ts';
import { withHurry } from './hurry.ts';

export interface RunThere {
  readonly url: string;
  readonly sweeps: readonly PlannedSweep[];
  /** Machines that are to work for that server while this runs, or null. */
  readonly cluster: Cluster | null;
}

/** It is kept there, and written here. */
function keptThere(eventLog: JobSpec['eventLog']): JobSpec['eventLog'] {
  return eventLog && { ...eventLog, path: '' };
}

export async function runThere(
  { url, sweeps, cluster }: RunThere,
  options: RunOptions,
  world: World,
): Promise<number> {
  const token = options.token || (await readToken(url, options.tokenFile));
  const session = cluster && (await readSecretFile(options.sessionFile));
  const client = new ApiClient({ url, token });
  try {
    if (cluster) await cluster.begin({ url, session: session!, isOwn: false });
    // That server may be on another machine: it collects in a place of its own, and the files are fetched.
    let worst: number = FOLLOWED.succeeded;
    for (const sweep of sweeps) {
      const there = {
        ...sweep,
        spec: { ...sweep.spec, output: '', eventLog: keptThere(sweep.spec.eventLog) },
      };
      const fetchTo = sweep.spec.place === null ? { fetchTo: sweep.spec.output } : {};
      const eventLog = sweep.spec.eventLog
        ? { axes: sweep.spec.axes, eventLog: sweep.spec.eventLog }
        : undefined;
      const code = await runSweep(client, there, { ...options, ...fetchTo, eventLog }, world);
      worst = Math.max(worst, code);
      if (code === FOLLOWED.interrupted) break;
    }
    return worst;
  } finally {
    if (cluster) await withHurry((hurry) => cluster.stop(hurry));
    await client.close();
  }
}
