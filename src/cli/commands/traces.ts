/** `windrow traces ls/show/get/verify/rm` */
import { createHash } from 'node:crypto';
import { createWriteStream, existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { formatBytes, printableLines } from '#base';
import type { ApiClient, TraceView } from '#wire';
import { toChange, toLook } from '../ask.ts';
import type { CommandInput } from '../command.ts';
import { cliErrors } from '../errors.ts';
import { insideOf, prepareTarget } from '../fetch-output.ts';
import { formatCount, formatFraction, formatMoment, lookOf } from '../format.ts';
import type * as specs from '../table/traces.ts';
import { formatTable } from '../text-table.ts';
import type { World } from '../world.ts';

interface Summary {
  readonly id: string;
  files: number;
  bytes: number;
  lastAtMs: number;
}

export async function tracesLs(
  input: CommandInput<typeof specs.ls>,
  world: World,
): Promise<number> {
  if (input.options.coming) return lsComing(input, world);
  const byId = new Map<string, Summary>();
  await toLook(input, world, async (client) => {
    for await (const { id, bytes, receivedAtMs } of await listed(client, world)) {
      const known = byId.get(id) ?? { id, files: 0, bytes: 0, lastAtMs: 0 };
      known.files++;
      known.bytes += bytes;
      known.lastAtMs = Math.max(known.lastAtMs, receivedAtMs);
      byId.set(id, known);
    }
  });
  const summaries = [...byId.values()].sort((a, b) => a.lastAtMs - b.lastAtMs);
  if (input.options.json) {
    for (const summary of summaries) await world.stdout.json(summary);
    return 0;
  }
  const columns = [
    { title: 'TRACE' },
    { title: 'FILES', align: 'right' },
    { title: 'SIZE', align: 'right' },
    { title: 'LAST CAME' },
  ] as const;
  const rows = summaries.map(({ id, files, bytes, lastAtMs }) => [
    id,
    formatCount(files),
    formatBytes(bytes),
    formatMoment(lastAtMs),
  ]);
  await world.stdout.write(formatTable(columns, rows, lookOf(world.stdout)));
  return 0;
}

async function lsComing(input: CommandInput<typeof specs.ls>, world: World): Promise<number> {
  const uploads = await toLook(input, world, async (client) => {
    const lines = await client.call('listTraceUploads', { signal: world.ending });
    return Array.fromAsync(lines);
  });
  if (input.options.json) {
    for (const upload of uploads) await world.stdout.json(upload);
    return 0;
  }
  const columns = [
    { title: 'TRACE' },
    { title: 'CAME', align: 'right' },
    { title: 'OF', align: 'right' },
    { title: 'PART', align: 'right' },
    { title: 'LAST CAME' },
    { title: 'FILE' },
  ] as const;
  const rows = uploads.map(({ id, name, bytes, receivedBytes, heardAtMs }) => [
    id,
    formatBytes(receivedBytes),
    formatBytes(bytes),
    formatFraction(bytes === 0 ? 1 : receivedBytes / bytes),
    formatMoment(heardAtMs),
    name,
  ]);
  await world.stdout.write(formatTable(columns, rows, lookOf(world.stdout)));
  return 0;
}

export async function tracesShow(
  input: CommandInput<typeof specs.show>,
  world: World,
): Promise<number> {
  const files = await toLook(input, world, (client) => filesOf(client, input.args[0]!, world));
  if (input.options.json) {
    for (const file of files) await world.stdout.json(file);
    return 0;
  }
  const columns = [
    { title: 'BYTES', align: 'right' },
    { title: 'CAME' },
    { title: 'FROM' },
    { title: 'SHA-256' },
    { title: 'FILE' },
  ] as const;
  const rows = files.map(({ bytes, receivedAtMs, sender, sha256, name }) => [
    formatCount(bytes),
    formatMoment(receivedAtMs),
    sender ?? '-',
    sha256 ?? '-',
    name,
  ]);
  await world.stdout.write(formatTable(columns, rows, { ...lookOf(world.stdout), width: null }));
  return 0;
}

export async function tracesGet(
  input: CommandInput<typeof specs.get>,
  world: World,
): Promise<number> {
  const [id, only] = input.args;
  await toLook(input, world, async (client) => {
    // Whether it is an id at all is known when its files are.
    const files = await filesOf(client, id!, world, only);
    const target = resolve(world.surroundings.directory, input.options.to ?? insideOf('.', id!));
    prepareTarget(target);
    for (const file of files) {
      const path = await fetchTrace(client, file, target, world);
      if (input.options.json) await world.stdout.json({ ...file, path });
      else await world.stdout.line(printableLines(`${path}  ${formatBytes(file.bytes)}`));
    }
  });
  return 0;
}

/**
 * Under its name there is the whole file with the right digest, or none. Throws TRACE_FILE_THERE rather
 * than put it in the place of another.
 */
async function fetchTrace(
  client: ApiClient,
  { id, name, sha256 }: TraceView,
  directory: string,
  world: World,
): Promise<string> {
  const path = insideOf(directory, name);
  if (existsSync(path)) {
    const { digestFile } = await import('#wire');
    if (sha256 !== null && (await digestFile(path)).sha256 === sha256) return path;
    throw cliErrors.create('TRACE_FILE_THERE', { path });
  }
  const draft = `${path}.${process.pid}.part`;
  const answer = await client.call('readTrace', { params: { id, name }, signal: world.ending });
  const hash = createHash('sha256');
  const hashed = new Transform({
    transform(piece: Buffer, _encoding, done) {
      hash.update(piece);
      done(null, piece);
    },
  });
  try {
    await pipeline(answer.stream, hashed, createWriteStream(draft, { flush: true }));
    if (sha256 !== null && hash.digest('hex') !== sha256)
      throw cliErrors.create('TRACE_DAMAGED', { what: `${id}/${name}` });
    await rename(draft, path);
    return path;
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

export async function tracesVerify(
  input: CommandInput<typeof specs.verify>,
  world: World,
): Promise<number> {
  const [id] = input.args;
  const counts = { whole: 0, damaged: 0, gone: 0, unknown: 0 };
  await toLook(input, world, async (client) => {
    const query = { id };
    const checks = await client.call('checkTraces', { query, signal: world.ending });
    for await (const check of checks) {
      counts[check.state]++;
      if (input.options.json) await world.stdout.json(check);
      else if (check.state !== 'whole')
        await world.stdout.line(printableLines(`${check.state}  ${check.id}/${check.name}`));
    }
  });
  const isNone = Object.values(counts).every((count) => count === 0);
  if (id !== undefined && isNone) throw cliErrors.create('TRACE_NONE', { what: id });
  if (!input.options.json) {
    const { whole, damaged, gone, unknown } = counts;
    await world.stdout.line(
      `${whole} whole, ${damaged} damaged, ${gone} gone, ${unknown} without a digest`,
    );
  }
  return counts.damaged + counts.gone > 0 ? 1 : 0;
}

export async function tracesRm(
  input: CommandInput<typeof specs.rm>,
  world: World,
): Promise<number> {
  const [id, only] = input.args;
  await toChange(input, world, async (client) => {
    // One that is named may be gone, and only what is said of it be left.
    const files =
      only === undefined ? await filesOf(client, id!, world) : [{ id: id!, name: only }];
    for (const { id, name } of files) {
      await client.call('removeTrace', { params: { id, name } });
      if (input.options.json) await world.stdout.json({ id, name });
    }
    if (!input.options.json)
      await world.stdout.line(
        `removed ${files.length} file${files.length === 1 ? '' : 's'} of ${id}`,
      );
  });
  return 0;
}

function listed(client: ApiClient, world: World, id?: string): Promise<AsyncIterable<TraceView>> {
  return client.call('listTraces', { query: { id }, signal: world.ending });
}

/** Throws TRACE_NONE. */
async function filesOf(
  client: ApiClient,
  id: string,
  world: World,
  only?: string,
): Promise<TraceView[]> {
  const files: TraceView[] = [];
  for await (const file of await listed(client, world, id)) {
    if (only === undefined || file.name === only) files.push(file);
  }
  const what = only === undefined ? id : `${id}/${only}`;
  if (files.length === 0) throw cliErrors.create('TRACE_NONE', { what });
  return files;
}
