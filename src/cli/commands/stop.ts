import { setTimeout as delay } from 'node:timers/promises';
import { WindrowError } from '#base';
import type { ApiClient } from '#wire';
import { toChange } from '../ask.ts';
import type { CommandInput } from '../command.ts';
import { formatCount } from '../format.ts';
import type { stop as spec } from '../table/serve.ts';
import type { World } from '../world.ts';

const LOOK_EVERY_MS = 200;

/** `windrow stop` */
export async function stop(input: CommandInput<typeof spec>, world: World): Promise<number> {
  const { now, wait, json } = input.options;
  await toChange(input, world, async (client) => {
    const answer = await client.call('stopServer', { body: { mode: now ? 'now' : 'drain' } });
    if (wait) await untilGone(client, world);
    const running = formatCount(answer.runningAttempts);
    const text = wait
      ? 'The server has ended.'
      : `The server is ${answer.state}, with ${running} attempts under way.`;
    if (json) await world.stdout.json({ ...answer, ended: wait });
    else await world.stdout.line(text);
  });
  return 0;
}

async function untilGone(client: ApiClient, world: World): Promise<void> {
  for (;;) {
    try {
      await client.call('getServer', { signal: world.ending });
    } catch (error) {
      if (error instanceof WindrowError && error.code !== 'EXCHANGE_ABORTED') return;
      throw error;
    }
    await delay(LOOK_EVERY_MS, undefined, { signal: world.ending }).catch(() => {});
  }
}
