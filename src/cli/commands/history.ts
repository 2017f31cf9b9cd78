import { formatBytes, formatDuration } from '#base';
import type { HistoryRecord } from '#wire';
import { findJob, toLook } from '../ask.ts';
import { askedAds, showAds, withJsonAd } from '../asked-ads.ts';
import type { CommandInput } from '../command.ts';
import { formatMoment, lookOf } from '../format.ts';
import type { history as spec } from '../table/events.ts';
import { formatTable } from '../text-table.ts';
import type { World } from '../world.ts';

/** Rows of a table that are printed together: its columns are as wide as these need. */
const TOGETHER = 1000;

/** `windrow history` */
export async function history(input: CommandInput<typeof spec>, world: World): Promise<number> {
  const { query, show } = askedAds(input.options);
  const { limit, json } = input.options;
  await toLook(input, world, async (client) => {
    const [named] = input.args;
    const job = named === undefined ? undefined : await findJob(client, named);
    const signal = world.ending;
    const asked = { ...query, job, limit };
    const records = (await client.call('readHistory', { query: asked, signal })) as Records;
    if (json) for await (const record of records) await world.stdout.json(withJsonAd(record));
    else if (show) await showAds(show, adsOf(records), world);
    else await printTable(records, world);
  });
  return 0;
}

type Records = AsyncIterable<HistoryRecord>;

async function* adsOf(records: Records): AsyncGenerator<string | undefined> {
  for await (const { ad } of records) yield ad;
}

async function printTable(records: Records, world: World): Promise<void> {
  let rows: string[][] = [];
  for await (const record of records) {
    rows.push(rowOf(record));
    if (rows.length < TOGETHER) continue;
    await world.stdout.write(formatTable(COLUMNS, rows, lookOf(world.stdout)));
    rows = [];
  }
  if (rows.length > 0) await world.stdout.write(formatTable(COLUMNS, rows, lookOf(world.stdout)));
}

const COLUMNS = [
  { title: 'TASK', align: 'right' },
  { title: 'TRY', align: 'right' },
  { title: 'ENDED' },
  { title: 'CAUSE' },
  { title: 'THEN' },
  { title: 'WALL', align: 'right' },
  { title: 'MEMORY', align: 'right' },
  { title: 'WORKER' },
  { title: 'NAME' },
  { title: 'REASON' },
] as const;

function rowOf({ job, name, attempt }: HistoryRecord): string[] {
  const { usage } = attempt;
  return [
    `${job}.${attempt.task}`,
    String(attempt.number),
    formatMoment(attempt.endedAtMs),
    attempt.cause ?? '',
    attempt.next ?? '-',
    usage === null ? '-' : formatDuration(usage.wallMs),
    usage?.memoryPeakBytes == null ? '-' : formatBytes(usage.memoryPeakBytes),
    attempt.worker,
    name,
    attempt.reason,
  ];
}
