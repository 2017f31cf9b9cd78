import { findJob, toChange } from '../ask.ts';
import type { CommandInput } from '../command.ts';
import { followJob } from '../follow.ts';
import type { wait as spec } from '../table/look.ts';
import type { World } from '../world.ts';

/** `windrow wait`. It needs a running server: nothing happens to a job without one. */
export async function wait(input: CommandInput<typeof spec>, world: World): Promise<number> {
  const { json, quiet, timeout } = input.options;
  return await toChange(input, world, async (client) => {
    const job = await findJob(client, input.args[0]);
    if (timeout === undefined || timeout === 0)
      return await followJob(client, job, { json, quiet }, world);
    const over = new AbortController();
    const timer = setTimeout(() => over.abort(), timeout);
    try {
      return await followJob(client, job, { json, quiet, until: over.signal }, world);
    } finally {
      clearTimeout(timer);
    }
  });
}
