/** `windrow data ls/stat/du` */
import { formatBytes } from '#base';
import { type Ad, printAd } from '#classad';
import type { EntryView, ListedEntry, SortColumn } from '#datastore';
import { datasetAd } from '#model';
import { askedAds, fitsHere, showAds } from '../asked-ads.ts';
import type { CommandInput } from '../command.ts';
import { withData } from '../data-session.ts';
import { cliErrors } from '../errors.ts';
import { formatCount, formatMoment, lookOf } from '../format.ts';
import { codedError, errorText } from '../report-error.ts';
import type * as specs from '../table/data.ts';
import { formatFacts, formatTable } from '../text-table.ts';
import type { World } from '../world.ts';

const COLUMNS: Readonly<Record<string, SortColumn>> = {
  key: 'key',
  size: 'bytes',
  used: 'lastAccess',
  stored: 'stored',
};

export async function dataLs(input: CommandInput<typeof specs.ls>, world: World): Promise<number> {
  const { sort = 'key', reverse, limit = Number.MAX_SAFE_INTEGER, pinned } = input.options;
  const query = {
    sort: COLUMNS[sort] ?? 'key',
    // The largest and the latest are what one looks for.
    descending: (sort !== 'key') !== reverse,
    containing: input.args[0] ?? '',
    pinnedOnly: pinned,
  };
  const { constraint } = input.options;
  const { show } = askedAds(input.options);
  const isFit = fitsHere(constraint);
  return withData(input, world, async (desk) => {
    const pages = desk.list(query, constraint === undefined ? limit : Number.MAX_SAFE_INTEGER);
    const found = fittingPages(pages, isFit, limit);
    if (show) {
      await showAds(show, adsOf(found), world);
      return 0;
    }
    // Of more than a page, columns would not be seen together anyway.
    for await (const entries of found) {
      if (!input.options.json) await world.stdout.write(tableOf(entries, world));
      else for (const entry of entries) await world.stdout.json(entry);
    }
    return 0;
  });
}

async function* fittingPages(
  pages: AsyncIterable<readonly ListedEntry[]>,
  isFit: (ad: Ad) => boolean,
  limit: number,
): AsyncGenerator<readonly ListedEntry[]> {
  let left = limit;
  for await (const page of pages) {
    const found = page.filter((entry) => isFit(datasetAd(entry))).slice(0, left);
    left -= found.length;
    if (found.length > 0) yield found;
    if (left <= 0) return;
  }
}

async function* adsOf(pages: AsyncIterable<readonly ListedEntry[]>): AsyncGenerator<string> {
  for await (const page of pages) for (const entry of page) yield printAd(datasetAd(entry));
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
  return withData(input, world, async (desk) => {
    let missing = 0;
    for (const key of input.args) {
      const view = await desk.find(key);
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
      ['MD5', view.md5 ?? ''],
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
  return withData(input, world, async (desk) => {
    const usage = await desk.usage();
    if (input.options.json) await world.stdout.json(usage);
    else {
      const { mostBytes, leastFreeBytes } = usage.limits;
      await world.stdout.write(
        formatFacts([
          ['directory', usage.directory],
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
