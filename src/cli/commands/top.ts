import { setTimeout as delay } from 'node:timers/promises';
import { formatBytes, formatDuration, printable } from '#base';
import type { ApiClient, JobSummary, ServerView, WorkerView } from '#wire';
import { toLook } from '../ask.ts';
import type { CommandInput } from '../command.ts';
import { formatCount } from '../format.ts';
import { openScreen } from '../screen.ts';
import type { top as spec } from '../table/look.ts';
import { bold } from '../text-table.ts';
import type { World } from '../world.ts';
import { jobTable } from './ls.ts';
import { workerTable } from './workers.ts';

type Input = CommandInput<typeof spec>;

interface Look {
  readonly server: ServerView;
  readonly jobs: readonly JobSummary[];
  readonly workers: readonly WorkerView[];
}

/** `windrow top` */
export async function top(input: Input, world: World): Promise<number> {
  await toLook(input, world, async (client) => {
    const live = world.stdout.isTerminal && !input.options.once && !input.options.json;
    if (live) await fillScreen(client, input, world);
    else await printLooks(client, input, world);
  });
  return 0;
}

async function lookAt(client: ApiClient, signal: AbortSignal): Promise<Look> {
  const [server, page, list] = await Promise.all([
    client.call('getServer', { signal }),
    client.call('listJobs', { query: { limit: 50 }, signal }),
    client.call('listWorkers', { signal }),
  ]);
  return { server, jobs: page.jobs, workers: list.workers };
}

async function printLooks(client: ApiClient, input: Input, world: World): Promise<void> {
  for await (const look of looks(client, input, world.ending)) {
    if (input.options.json) await world.stdout.json(look);
    else await world.stdout.write(`${textOf(look, world)}\n`);
    if (input.options.once) return;
  }
}

async function fillScreen(client: ApiClient, input: Input, world: World): Promise<void> {
  const screen = await openScreen(world, () => {});
  try {
    for await (const look of looks(client, input, screen.leaving)) {
      await screen.draw(textOf(look, world));
    }
  } finally {
    screen.close();
  }
}

/** Looks until `signal` is aborted; the interval is between the end of one and the next. */
async function* looks(client: ApiClient, input: Input, signal: AbortSignal): AsyncGenerator<Look> {
  const intervalMs = Math.max(100, input.options.interval ?? 1000);
  while (!signal.aborted) {
    try {
      yield await lookAt(client, signal);
      await delay(intervalMs, undefined, { signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

function textOf({ server, jobs, workers }: Look, world: World): string {
  const reason = server.reason === '' ? '' : ` (${printable(server.reason)})`;
  const head =
    `windrow ${printable(server.version)} at ${printable(server.url)}: ${server.state}${reason}, ` +
    `up ${formatDuration(server.uptimeMs)}, ` +
    `${formatCount(server.busySlots)} of ${formatCount(server.slots)} slots busy on ` +
    `${formatCount(server.workers)} workers, ${formatBytes(server.diskFreeBytes)} free`;
  const parts = [bold(head, world.stdout.color), ''];
  if (jobs.length > 0) parts.push(jobTable(jobs, world));
  if (workers.length > 0) parts.push(workerTable(workers, world));
  return parts.join('\n');
}
