/**
 * Transfers by plugin: HTCondor's two forms of call. Nothing that a plugin says is relied on: a file
 * must be there, be a file, and have the size that was told; digests are for whoever asked.
 */
import { randomUUID } from 'node:crypto';
import { lstatSync, readFileSync, rmSync, type statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WindrowError } from '#base';
import { type AdReader, forPeople, readAds, readerOf, writeAds } from './ads.ts';
import type { Plugin } from './describe.ts';
import { failed, type Outcome, type PluginTransfer, succeeded } from './outcome.ts';
import type { PluginProcessEnd } from './port.ts';
import type { PluginWorld } from './world.ts';

export type Direction = 'download' | 'upload';

/** Reserved beforehand, so that a disk that has filled up cannot lose the error. */
const RESERVED_BYTES = 19 * 1024;
/** Of what a plugin writes about its transfers: an ad takes a few hundred bytes. */
const ANSWER_BASE_BYTES = 1 << 20;
const ANSWER_FILE_BYTES = 16 << 10;

/**
 * Carries out all transfers, in one call where the plugin can, and tells how each ended, in their
 * order. Never rejects for what the plugin does. What it left of a failed download is removed.
 */
export async function runPlugin(
  plugin: Plugin,
  transfers: readonly PluginTransfer[],
  direction: Direction,
  world: PluginWorld,
): Promise<Outcome[]> {
  const outcomes = plugin.batches
    ? await runBatch(plugin, transfers, direction, world)
    : await runSingly(plugin, transfers, direction, world);
  return direction === 'upload' ? outcomes : outcomes.map(checkFile);
}

async function runSingly(
  plugin: Plugin,
  transfers: readonly PluginTransfer[],
  direction: Direction,
  world: PluginWorld,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const transfer of transfers) {
    const { url, path } = transfer;
    const ends = direction === 'download' ? [url, path] : [path, url];
    const end = await world.run([plugin.path, ...ends], optionsOf(world));
    const ad = adsIn(end.stdout, world)[0] ?? null;
    outcomes.push(isWell(end) ? succeeded(transfer, ad) : failed(transfer, ad, end, saidOf(end)));
  }
  return outcomes;
}

async function runBatch(
  plugin: Plugin,
  transfers: readonly PluginTransfer[],
  direction: Direction,
  world: PluginWorld,
): Promise<Outcome[]> {
  const [list, answer] = ['in', 'out'].map((end) =>
    join(world.directory, `${randomUUID()}.${end}`),
  );
  try {
    const ads = transfers.map(({ url, path }) => ({ Url: url, LocalFileName: path }));
    writeFileSync(list!, writeAds(ads), { mode: 0o600, flag: 'wx' });
    writeFileSync(answer!, ' '.repeat(RESERVED_BYTES), { mode: 0o600, flag: 'wx' });
    for (const path of [list!, answer!]) world.handOver?.(path);
    const files = ['-infile', list!, '-outfile', answer!];
    const upload = direction === 'upload' ? ['-upload'] : [];
    const end = await world.run([plugin.path, ...files, ...upload], optionsOf(world));
    return outcomesOf(transfers, end, adsIn(readAnswer(answer!, transfers.length), world));
  } finally {
    for (const path of [list!, answer!]) rmSync(path, { force: true });
  }
}

function outcomesOf(
  transfers: readonly PluginTransfer[],
  end: PluginProcessEnd,
  ads: readonly AdReader[],
): Outcome[] {
  const byUrl = new Map(ads.map((ad) => [ad.raw('TransferUrl') ?? '', ad]));
  const firstFault = ads.find((ad) => ad.flag('TransferSuccess') === false)?.text('TransferError');
  return transfers.map((transfer) => {
    const ad = byUrl.get(transfer.url) ?? null;
    // An exit code other than 0 is for the whole batch, whatever single answers say.
    if (!isWell(end)) return failed(transfer, ad, end, firstFault || saidOf(end));
    if (ad?.flag('TransferSuccess') === true) return succeeded(transfer, ad);
    return failed(transfer, ad, end, ad ? undefined : 'the plugin says nothing of this file');
  });
}

/** Bounded: a plugin may have written anything there, or something else than a file. */
function readAnswer(path: string, files: number): string {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found?.isFile() || found.size > ANSWER_BASE_BYTES + files * ANSWER_FILE_BYTES) return '';
  return readFileSync(path, 'utf8').trim();
}

/** What is no ad says nothing: the exit code then tells. */
function adsIn(text: string, world: PluginWorld): AdReader[] {
  try {
    return readAds(text).map((ad) => readerOf(ad, world.ambient));
  } catch (error) {
    if (error instanceof WindrowError) return [];
    throw error;
  }
}

function checkFile(outcome: Outcome): Outcome {
  const { transfer, bytes } = outcome;
  if (!outcome.ok) {
    rmSync(transfer.path, { force: true });
    return outcome;
  }
  // Not followed: a link would pass off a file of this machine as what was fetched.
  const found = lstatSync(transfer.path, { throwIfNoEntry: false });
  const fault = faultOfFile(found, bytes);
  if (fault === null) return outcome;
  rmSync(transfer.path, { force: true, recursive: true });
  const end = { how: 'exited', exitCode: 0, signal: null, stdout: '', stderr: '' } as const;
  return failed(transfer, null, end, `the plugin tells of success, but ${fault}`);
}

function faultOfFile(found: ReturnType<typeof statSync>, bytes: number | null): string | null {
  if (!found) return 'the file is not there';
  if (!found.isFile()) return 'what it made is no regular file';
  if (Number(found.nlink) > 1) return 'what it made is a hard link to another file';
  if (bytes === null || bytes === Number(found.size)) return null;
  return `the file has ${found.size} bytes instead of ${bytes} bytes`;
}

function optionsOf({ directory, environment, lifetimeMs, signal }: PluginWorld) {
  return { directory, environment, lifetimeMs, signal };
}

function isWell(end: PluginProcessEnd): boolean {
  return end.how === 'exited' && end.exitCode === 0;
}

/** The last line of stderr: where programs put why they fail. Undefined where they put nothing. */
function saidOf(end: PluginProcessEnd): string | undefined {
  if (end.how !== 'exited') return undefined;
  const last = end.stderr.trim().split('\n').at(-1)?.trim();
  return last ? forPeople(last) : undefined;
}
