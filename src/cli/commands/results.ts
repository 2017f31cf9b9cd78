import { createWriteStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname, join, normalize, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { formatBytes, makeDirectories, messageOf, printableLines, systemCodeOf } from '#base';
import { type ApiClient, INLINE_RESULT_BYTES, type OutputFile, type ResultItem } from '#wire';
import { findJob, withServer } from '../ask.ts';
import type { CommandInput } from '../command.ts';
import { cliErrors } from '../errors.ts';
import { formatCount, formatMoment, lookOf } from '../format.ts';
import type { results as spec } from '../table/look.ts';
import { formatTable } from '../text-table.ts';
import type { World } from '../world.ts';

type Input = CommandInput<typeof spec>;

/** `windrow results` */
export async function results(input: Input, world: World): Promise<number> {
  const { options } = input;
  await withServer(input, world, !options.collect, async (client) => {
    const job = await findJob(client, input.args[0]);
    if (options.collect) await client.call('collectJob', { params: { job } });
    if (options.to !== undefined) await fetchFiles(client, job, options.to, input, world);
    else if (options.list || options.collect) await listFiles(client, job, input, world);
    else await printResults(client, job, input, world);
  });
  return 0;
}

async function listFiles(
  client: ApiClient,
  job: number,
  input: Input,
  world: World,
): Promise<void> {
  const list = await client.call('listOutput', { params: { job } });
  if (input.options.json) return await world.stdout.json(list);
  const columns = [
    { title: 'BYTES', align: 'right' },
    { title: 'CHANGED' },
    { title: 'FILE' },
  ] as const;
  const rows = list.files.map((file) => [
    formatCount(file.bytes),
    formatMoment(file.changedAtMs),
    file.file,
  ]);
  await world.stdout.write(formatTable(columns, rows, lookOf(world.stdout)));
  if (!list.complete) world.stderr.attempt(INCOMPLETE);
}

const INCOMPLETE = 'windrow: more tasks have ended since; collect them with --collect\n';

async function fetchFiles(
  client: ApiClient,
  job: number,
  directory: string,
  input: Input,
  world: World,
): Promise<void> {
  const target = resolve(world.surroundings.directory, directory);
  const list = await client.call('listOutput', { params: { job } });
  for (const file of list.files) {
    const path = insideOf(target, file.file);
    await fetchFile(client, job, file, path);
    if (input.options.json) await world.stdout.json({ ...file, path });
    else await world.stdout.line(printableLines(`${path}  ${formatBytes(file.bytes)}`));
  }
  if (!list.complete) world.stderr.attempt(INCOMPLETE);
}

/** What the server calls a file is not trusted to stay inside the user's directory. */
export function insideOf(directory: string, file: string): string {
  const parts = file.split('/');
  const wrong = parts.some(
    (part) => part === '' || part === '.' || part === '..' || part.includes('\0'),
  );
  if (wrong || normalize(file) !== file) throw cliErrors.create('EXPORT_PATH_WRONG', { file });
  return join(directory, ...parts);
}

/** Written beside its place and renamed: under its name there is the whole file or none. */
async function fetchFile(
  client: ApiClient,
  job: number,
  file: OutputFile,
  path: string,
): Promise<void> {
  const draft = `${path}.${process.pid}.part`;
  const failed = (error: unknown) => {
    const reason = systemCodeOf(error) ?? messageOf(error);
    return cliErrors.create('OUTPUT_FAILED', { target: path, reason }, { cause: error });
  };
  try {
    makeDirectories(dirname(path));
  } catch (error) {
    throw failed(error);
  }
  const answer = await client.call('readOutput', { params: { job }, query: { file: file.file } });
  try {
    const handle = await open(draft, 'w');
    await pipeline(answer.stream, createWriteStream(draft, { fd: handle, flush: true }));
    await rename(draft, path);
  } catch (error) {
    answer.stream.destroy();
    await rm(draft, { force: true });
    throw systemCodeOf(error)?.startsWith('E') ? failed(error) : error;
  }
}

async function printResults(
  client: ApiClient,
  job: number,
  input: Input,
  world: World,
): Promise<void> {
  const { task, name, json } = input.options;
  const query = { task, name };
  const items = await client.call('listResults', { params: { job }, query, signal: world.ending });
  const detail = name === undefined ? await client.call('getJob', { params: { job } }) : null;
  const several = detail !== null && detail.spec.results.length > 1;
  let found = false;
  for await (const item of items) {
    found = true;
    if (json) await world.stdout.json(item);
    else await printResult(client, job, item, several, world);
  }
  if (!found && task !== undefined) throw cliErrors.create('RESULT_NONE', { job, task });
}

async function printResult(
  client: ApiClient,
  job: number,
  item: ResultItem,
  withHeader: boolean,
  world: World,
): Promise<void> {
  if (withHeader)
    await world.stdout.line(printableLines(`==> ${job}.${item.task} ${item.name} <==`));
  if (item.text !== null) return await writeBytes(Buffer.from(item.text), world);
  if (item.base64 !== null) return await writeBytes(Buffer.from(item.base64, 'base64'), world);
  if (world.stdout.isTerminal && item.bytes > INLINE_RESULT_BYTES) {
    return await world.stdout.line(`[${formatBytes(item.bytes)}; redirect stdout to get them]`);
  }
  const params = { job, task: item.task, name: item.name };
  const query = item.file === '' ? {} : { file: item.file };
  const { stream } = await client.call('readResult', { params, query, signal: world.ending });
  for await (const chunk of stream) await world.stdout.write(chunk as Buffer);
}

/** Byte for byte, but never to a terminal, which would obey what is in it. */
async function writeBytes(bytes: Buffer, world: World): Promise<void> {
  if (!world.stdout.isTerminal) return await world.stdout.write(bytes);
  const text = printableLines(bytes.toString('utf8'));
  await world.stdout.write(text === '' || text.endsWith('\n') ? text : `${text}\n`);
}
