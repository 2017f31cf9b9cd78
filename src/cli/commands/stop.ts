import { setTimeout as delay } from 'node:timers/promises';
import { printable, WindrowError } from '#base';
import type { ApiClient } from '#wire';
import { toChange } from '../ask.ts';
import { type CommandInput, INTERRUPTED_EXIT } from '../command.ts';
import { formatCount } from '../format.ts';
import { newsJson, processes, stoppedText, stopTable, tellMachine } from '../machine-news.ts';
import { machineWish } from '../machine-wish.ts';
import type { stop as spec } from '../table/serve.ts';
import type { World } from '../world.ts';

const LOOK_EVERY_MS = 200;

type Input = CommandInput<typeof spec>;

/** `windrow stop` */
export async function stop(input: Input, world: World): Promise<number> {
  if (input.args[0] !== undefined) return await stopWorkers(input, input.args[0], world);
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

async function stopWorkers(input: Input, nodes: string, world: World): Promise<number> {
  const { now, json, dir } = input.options;
  const wish = { ...machineWish(nodes, input.settings, world), now, directory: dir ?? '' };
  const machines = await input.composition.machines();
  const all = await machines.stop(wish, world, {
    onAsked: (machine, pids) => {
      if (json || now) return;
      const line = `${machine}: ${processes(pids)} asked to finish what runs, and to end`;
      world.stderr.attempt(`windrow: ${printable(line)}\n`);
    },
    onNews: (news) => {
      if (!json) tellMachine(news, stoppedText(news), world);
    },
  });
  const failed = all.filter(({ error }) => error !== null).length;
  if (json) await world.stdout.json({ failed, machines: all.map(newsJson) });
  else await world.stdout.write(stopTable(all, world));
  if (world.ending.aborted) return INTERRUPTED_EXIT;
  return failed > 0 ? 1 : 0;
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
