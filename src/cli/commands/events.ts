import type { ApiClient, LifeEntry, ShownFormat } from '#wire';
import { findTask, toLook, withServer } from '../ask.ts';
import type { CommandInput } from '../command.ts';
import { FOLLOWED } from '../follow.ts';
import type { attach as attachSpec, events as spec } from '../table/events.ts';
import type { World } from '../world.ts';

/** `windrow events` */
export async function events(input: CommandInput<typeof spec>, world: World): Promise<number> {
  const { follow, format, after } = input.options;
  const shown = (format ?? (input.options.json ? 'json' : 'short')) as ShownFormat;
  await toLook(input, world, async (client) => {
    const { job, task } = await findTask(client, input.args[0]);
    await tellLife(client, { job, task, follow, after }, shown, world);
  });
  return 0;
}

/** `windrow attach`: what happens from now on, until the job ends. */
export async function attach(
  input: CommandInput<typeof attachSpec>,
  world: World,
): Promise<number> {
  return await withServer(input, world, true, async (client) => {
    const { job, task } = await findTask(client, input.args[0]);
    const shown = input.options.json ? 'json' : 'short';
    await tellLife(client, { job, task, follow: true, after: undefined }, shown, world);
    if (world.ending.aborted) return FOLLOWED.interrupted;
    const { counts, rows, state } = await client.call('getJob', { params: { job } });
    return state === 'done' && counts.done === rows ? FOLLOWED.succeeded : FOLLOWED.failed;
  });
}

interface Wanted {
  readonly job: number;
  readonly task: number | null;
  readonly follow: boolean;
  readonly after: number | undefined;
}

async function tellLife(
  client: ApiClient,
  { job, task, follow, after }: Wanted,
  format: ShownFormat,
  world: World,
): Promise<void> {
  const { printEvents } = await import('#wire');
  const query = { follow: follow ? 'yes' : 'no', after } as const;
  const entries = await client.call('readLife', { params: { job }, query, signal: world.ending });
  for await (const entry of entries) {
    const wanted = task === null ? entry : onlyOf(entry, task);
    if (!wanted) continue;
    for (const text of printEvents(wanted, format)) await world.stdout.write(text);
  }
}

function onlyOf(entry: LifeEntry, task: number): LifeEntry | null {
  const isIn = entry.tasks.some(({ first, count }) => task >= first && task < first + count);
  return isIn ? { ...entry, tasks: [{ first: task, count: 1 }] } : null;
}
