import { resolve } from 'node:path';
import { formatBytes, printableLines } from '#base';
import { type ApiClient, INLINE_RESULT_BYTES, type ResultItem } from '#wire';
import { findTaskOr, withServer } from '../ask.ts';
import type { CommandInput } from '../command.ts';
import { cliErrors } from '../errors.ts';
import { fetchFile } from '../fetch-output.ts';
import { formatCount, formatMoment, lookOf } from '../format.ts';
import { placedText, placeResults } from '../place-results.ts';
import type { results as spec } from '../table/look.ts';
import { formatTable } from '../text-table.ts';
import type { World } from '../world.ts';

type Input = CommandInput<typeof spec>;

/** `windrow results` */
export async function results(input: Input, world: World): Promise<number> {
  const { options } = input;
  await withServer(input, world, !options.collect, async (client) => {
    const { job, task } = await findTaskOr(options.task, client, input.args[0]);
    if (options.place) return await place(client, job, world);
    if (options.collect) await client.call('collectJob', { params: { job } });
    if (options.to !== undefined) await fetchFiles(client, job, options.to, input, world);
    else if (options.list || options.collect) await listFiles(client, job, input, world);
    else await printResults(client, { job, task }, input, world);
  });
  return 0;
}

async function place(client: ApiClient, job: number, world: World): Promise<void> {
  const { spec } = await client.call('getJob', { params: { job } });
  if (spec.place === null) throw cliErrors.create('NO_PLACEMENT', { job });
  world.stderr.attempt(placedText(await placeResults(client, job, spec.place)));
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
    const path = await fetchFile(client, job, file.file, target);
    if (input.options.json) await world.stdout.json({ ...file, path });
    else await world.stdout.line(printableLines(`${path}  ${formatBytes(file.bytes)}`));
  }
  if (!list.complete) world.stderr.attempt(INCOMPLETE);
}

async function printResults(
  client: ApiClient,
  { job, task }: { readonly job: number; readonly task: number | undefined },
  input: Input,
  world: World,
): Promise<void> {
  const { name, json } = input.options;
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
