/** `windrow data ls/stat/du` */
import { formatBytes } from '#base';
import type { EntryView, ListedEntry, SortColumn } from '#datastore';
import type { CommandInput } from '../command.ts';
import { withDatastore } from '../data-session.ts';
import { cliErrors } from '../errors.ts';
import { formatCount, formatMoment, lookOf } from '../format.ts';
import { codedError, errorText } from '../report-error.ts';
import type * as specs from '../table/data.ts';
import { formatFacts, formatTable } from '../text-table.ts';
import type { World } from '../world.ts';

/** Lines that are made into one table: of more, columns would not be seen together anyway. */
const TABLE_LINES = 10_000;

const COLUMNS: Readonly<Record<string, SortColumn>> = {
  key: 'key',
  size: 'bytes',
  used: 'lastAccess',
  stored: 'stored',
};

export async function dataLs(input: CommandInput<typeof specs.ls>, world: World): Promise<number> {
  const { sort = 'key', reverse, limit } = input.options;
  return withDatastore(input, world, async (store) => {
    const listing = await store.list({
      sort: COLUMNS[sort] ?? 'key',
      // The largest and the latest are what one looks for.
      descending: (sort !== 'key') !== reverse,
      containing: input.args[0] ?? '',
      ...(limit === undefined ? {} : { limit }),
    });
    if (input.options.json) {
      for (const entry of listing.entries) await world.stdout.json(entry);
      return 0;
    }
    for (let from = 0; from === 0 || from < listing.entries.length; from += TABLE_LINES) {
      await world.stdout.write(tableOf(listing.entries.slice(from, from + TABLE_LINES), world));
    }
    return 0;
  });
}

function tableOf(entries: readonly ListedEntry[], world: World): string {
  const columns = [
    { title: 'SIZE', align: 'right' },
    { title: 'LAST USED' },
    { title: 'PINNED' },
    { title: 'KEY' },
  ] as const;
  const rows = entries.map(({ bytes, lastAccessMs, pinned, key }) => [
    formatBytes(bytes),
    formatMoment(lastAccessMs),
    pinned ? 'yes' : '-',
    key,
  ]);
  return formatTable(columns, rows, lookOf(world.stdout));
}

export async function dataStat(
  input: CommandInput<typeof specs.stat>,
  world: World,
): Promise<number> {
  return withDatastore(input, world, async (store) => {
    let missing = 0;
    for (const key of input.args) {
      const view = await store.find(key);
      if (view !== null) await tellEntry(view, input.options.json, world);
      else {
        missing++;
        const error = cliErrors.create('DATA_NOT_HERE', { key });
        const coded = codedError(error, world.surroundings, world.clock.now());
        world.stderr.attempt(errorText(coded, input.options.json));
      }
    }
    return missing === 0 ? 0 : 1;
  });
}

async function tellEntry(view: EntryView, asJson: boolean, world: World): Promise<void> {
  if (asJson) return world.stdout.json(view);
  const { etag, lastModified } = view.validators;
  await world.stdout.write(
    formatFacts([
      ['key', view.key],
      ['path', view.path],
      ['size', `${formatBytes(view.bytes)} (${formatCount(view.bytes)} bytes)`],
      ['SHA-256', view.sha256],
      ['MD5', view.md5],
      ['type', view.mediaType ?? ''],
      ['ETag', etag ?? ''],
      ['changed', lastModified ?? ''],
      ['from', view.source],
      ['stored', formatMoment(view.storedAtMs)],
      ['verified', formatMoment(view.verifiedAtMs)],
      ['asked about', formatMoment(view.validatedAtMs)],
      ['credentials', view.isPrivate ? 'were shown for it' : ''],
      ['pinned by', view.pins.join(', ')],
    ]),
  );
}

export async function dataDu(input: CommandInput<typeof specs.du>, world: World): Promise<number> {
  return withDatastore(input, world, async (store) => {
    const usage = await store.usage();
    if (input.options.json) await world.stdout.json({ directory: store.directory, ...usage });
    else {
      const { mostBytes, leastFreeBytes } = usage.limits;
      await world.stdout.write(
        formatFacts([
          ['directory', store.directory],
          ['entries', formatCount(usage.entries)],
          ['size', formatBytes(usage.bytes)],
          ['limit', mostBytes === 0 ? '' : formatBytes(mostBytes)],
          ['pinned', formatCount(usage.pinned)],
          [
            'free',
            `${formatBytes(usage.freeBytes)}, at least ${formatBytes(leastFreeBytes)} are left`,
          ],
        ]),
      );
    }
    return 0;
  });
}
