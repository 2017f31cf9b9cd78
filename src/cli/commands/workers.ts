import { formatBytes, formatDuration } from '#base';
import type { WorkerChange, WorkerView } from '#wire';
import { toChange, toLook } from '../ask.ts';
import { askedAds, showAds, withJsonAd } from '../asked-ads.ts';
import type { CommandInput } from '../command.ts';
import { cliErrors } from '../errors.ts';
import { formatCount, formatFraction, formatMoment, lookOf } from '../format.ts';
import type { workers as spec } from '../table/serve.ts';
import { formatTable, type TableColumn } from '../text-table.ts';
import type { World } from '../world.ts';

type Input = CommandInput<typeof spec>;

/** `windrow workers` */
export async function workers(input: Input, world: World): Promise<number> {
  if (input.args.length > 0) return await changeWorker(input, world);
  const { query, show } = askedAds(input.options);
  const { workers: all } = await toLook(input, world, (client) =>
    client.call('listWorkers', { query }),
  );
  if (input.options.json) await world.stdout.json({ workers: all.map(withJsonAd) });
  else if (show)
    await showAds(
      show,
      all.map(({ ad }) => ad),
      world,
    );
  else if (all.length === 0)
    await world.stdout.line(`There are no ${query.constraint ? 'such ' : ''}workers.`);
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

const COLUMNS: readonly (TableColumn & { cell(worker: WorkerView): string })[] = [
  { title: 'WORKER', cell: ({ name }) => name },
  { title: 'STATE', cell: ({ state }) => state },
  { title: 'BUSY', align: 'right', cell: ({ busySlots, slots }) => `${busySlots}/${slots}` },
  { title: 'DONE', align: 'right', cell: ({ done }) => formatCount(done) },
  { title: 'FAILED', align: 'right', cell: ({ failed }) => formatCount(failed) },
  { title: 'SHARE', align: 'right', cell: ({ busyShare }) => formatFraction(busyShare) },
  { title: 'CPU TIME', align: 'right', cell: ({ cpuMs }) => cpuText(cpuMs) },
  { title: 'LOAD', align: 'right', cell: loadText },
  { title: 'MEMORY FREE', align: 'right', cell: memoryText },
  { title: 'DISK FREE', align: 'right', cell: ({ diskFreeBytes }) => formatBytes(diskFreeBytes) },
  { title: 'GPUS', align: 'right', cell: gpusText },
  { title: 'DISTANCE', align: 'right', cell: ({ roundTripMs }) => distanceText(roundTripMs) },
  { title: 'HEARD', align: 'right', cell: ({ silentMs }) => `${formatDuration(silentMs)} ago` },
  { title: 'ENDS', align: 'right', cell: endsText },
  { title: 'VERSION', cell: ({ version }) => version },
  { title: 'PLATFORM', cell: ({ platform }) => platform },
  { title: 'ADDRESS', cell: ({ address }) => address },
  { title: 'REASON', cell: reasonText },
];

export function workerTable(workers: readonly WorkerView[], world: World): string {
  const rows = workers.map((worker) => COLUMNS.map(({ cell }) => cell(worker)));
  return formatTable(COLUMNS, rows, lookOf(world.stdout));
}

/** Where programs are started without the launcher it is not measured. */
function cpuText(cpuMs: number): string {
  return cpuMs === 0 ? '-' : formatDuration(cpuMs);
}

/** `1.5/8`: what wants to run, of the CPUs that there are. */
function loadText({ loadAverage, cpus }: WorkerView): string {
  return loadAverage === null ? '-' : `${loadAverage.toFixed(1)}/${cpus ?? '?'}`;
}

function memoryText({ memoryFreeBytes, memoryBytes }: WorkerView): string {
  const free = memoryFreeBytes === null ? '?' : formatBytes(memoryFreeBytes);
  return `${free}/${formatBytes(memoryBytes)}`;
}

function gpusText({ busyGpus, gpus }: WorkerView): string {
  return gpus === 0 ? '-' : `${busyGpus}/${gpus}`;
}

/** There and back; 0.4 ms is next door, 100 ms another continent. */
function distanceText(roundTripMs: number | null): string {
  if (roundTripMs === null) return '-';
  return roundTripMs < 10 ? `${roundTripMs.toFixed(1)} ms` : formatDuration(roundTripMs);
}

function endsText({ endsInMs }: WorkerView): string {
  return endsInMs === null ? '-' : `in ${formatDuration(endsInMs)}`;
}

function reasonText({ reason, changedAtMs }: WorkerView): string {
  return `${reason || '-'} (since ${formatMoment(changedAtMs)})`;
}
