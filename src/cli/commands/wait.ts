import { findJob, withServer } from '../ask.ts';
import type { CommandInput } from '../command.ts';
import { cliErrors } from '../errors.ts';
import { followJob } from '../follow.ts';
import type { wait as spec } from '../table/look.ts';
import { isSettled } from '../watch.ts';
import type { World } from '../world.ts';

/** `windrow wait`. A job that has not ended needs a running server: nothing happens without one. */
export async function wait(input: CommandInput<typeof spec>, world: World): Promise<number> {
  const { json, quiet, timeout } = input.options;
  return await withServer(input, world, true, async (client, { writable, place }) => {
    const job = await findJob(client, input.args[0]);
    if (!writable && !isSettled(await client.call('getJob', { params: { job } }))) {
      throw cliErrors.create('SERVER_NOT_RUNNING', { state: place ?? '' });
    }
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
