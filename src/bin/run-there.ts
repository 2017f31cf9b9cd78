/** `windrow run --server URL`: the sweep is sent there, and its results are fetched. */
import { type PlannedSweep, type RunOptions, runSweep, type World } from '#cli';
import { ApiClient, readSecretFile } from '#wire';

export async function runThere(
  url: string,
  sweep: PlannedSweep,
  options: RunOptions,
  world: World,
): Promise<number> {
  const token = options.token || (await readSecretFile(options.tokenFile));
  const client = new ApiClient({ url, token });
  try {
    // That server may be on another machine: it collects in a place of its own, and the files are fetched.
    const there = { ...sweep, spec: { ...sweep.spec, output: '' } };
    return await runSweep(client, there, { ...options, fetchTo: sweep.spec.output }, world);
  } finally {
    await client.close();
  }
}
