import { formatBytes } from '#base';
import type { WorkerChange, WorkerView } from '#wire';
import { toChange, toLook } from '../ask.ts';
import type { CommandInput } from '../command.ts';
import { cliErrors } from '../errors.ts';
import { formatCount, formatMoment, lookOf } from '../format.ts';
import type { workers as spec } from '../table/serve.ts';
import { formatTable } from '../text-table.ts';
import type { World } from '../world.ts';

type Input = CommandInput<typeof spec>;

/** `windrow workers` */
export async function workers(input: Input, world: World): Promise<number> {
  if (input.args.length > 0) return await changeWorker(input, world);
  const { workers: all } = await toLook(input, world, (client) => client.call('listWorkers', {}));
  if (input.options.json) await world.stdout.json({ workers: all });
  else if (all.length === 0) await world.stdout.line('There are no workers.');
  else await world.stdout.write(workerTable(all, world));
  return 0;
}

async function changeWorker(input: Input, world: World): Promise<number> {
  const [action, worker] = input.args;
  if (worker === undefined || !['pause', 'resume', 'drain'].includes(action!)) {
    const problem = 'expected: workers [pause|resume|drain WORKER]';
    throw cliErrors.create('USAGE_WRONG', { problem, help: 'windrow workers --help' });
  }
  await toChange(input, world, async (client) => {
    const body = { action: action as WorkerChange['action'], reason: input.options.reason ?? '' };
    const changed = await client.call('changeWorker', { params: { worker }, body });
    if (input.options.json) await world.stdout.json(changed);
    else await world.stdout.write(workerTable([changed], world));
  });
  return 0;
}

export function workerTable(workers: readonly WorkerView[], world: World): string {
  const columns = [
    { title: 'WORKER' },
    { title: 'STATE' },
    { title: 'BUSY', align: 'right' },
    { title: 'SLOTS', align: 'right' },
    { title: 'DONE', align: 'right' },
    { title: 'FAILED', align: 'right' },
    { title: 'MEMORY', align: 'right' },
    { title: 'DISK FREE', align: 'right' },
    { title: 'HEARD' },
    { title: 'PLATFORM' },
    { title: 'REASON' },
  ] as const;
  const rows = workers.map((worker) => [
    worker.name,
    worker.state,
    String(worker.busySlots),
    String(worker.slots),
    formatCount(worker.done),
    formatCount(worker.failed),
    formatBytes(worker.memoryBytes),
    formatBytes(worker.diskFreeBytes),
    formatMoment(worker.lastHeardAtMs),
    worker.platform,
    worker.reason,
  ]);
  return formatTable(columns, rows, lookOf(world.stdout));
}
