/**
 * Results of tasks, put where a submit description says: `output`, `error`, files that come back. What
 * a failed task printed is put there as well, as far as the server keeps it. By the user's own
 * process, under the user's own account.
 */
import { createWriteStream, existsSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { makeDirectories, printable, systemReasonOf } from '#base';
import type { PlacedResult, Placement } from '#model';
import { type CompiledText, compileText } from '#sweep';
import type { ApiClient, ResultItem, TaskSummary } from '#wire';
import { cliErrors } from './errors.ts';
import { insideOf } from './fetch-output.ts';

export interface PlacedFiles {
  readonly files: number;
  readonly tasks: number;
  /** A folder that holds one of them, or `''`. */
  readonly example: string;
}

interface Rule {
  readonly result: string;
  readonly from: CompiledText;
  readonly to: CompiledText;
}

interface Placing {
  readonly client: ApiClient;
  readonly job: number;
  readonly placement: Placement;
  rules: readonly Rule[] | null;
  files: number;
  example: string;
}

const ENDED_BADLY: readonly TaskSummary['state'][] = ['failed', 'held'];

/** Everything that there is now; what was put there before is replaced. */
export async function placeResults(
  client: ApiClient,
  job: number,
  placement: Placement,
): Promise<PlacedFiles> {
  const placing: Placing = { client, job, placement, rules: null, files: 0, example: '' };
  const items = (await client.call('listResults', { params: { job }, query: {} }))[
    Symbol.asyncIterator
  ]();
  let next = await items.next();
  let tasks = 0;
  for await (const task of tasksOf(client, job)) {
    // One file may take both streams; what an earlier run left there goes first.
    const written = new Set<string>();
    for (; !next.done && next.value.task === task.task; next = await items.next()) {
      await placeItem(placing, task, next.value, written);
    }
    if (ENDED_BADLY.includes(task.state)) await placeLogs(placing, task, written);
    if (written.size > 0) tasks++;
  }
  return { files: placing.files, tasks, example: placing.example };
}

export function placedText({ files, tasks, example }: PlacedFiles): string {
  if (files === 0) return 'windrow: there are no files to put anywhere\n';
  const where = files === 1 ? 'is in' : 'are in';
  const more = tasks === 1 ? '' : ' and where else the description says';
  return `windrow: ${files} ${files === 1 ? 'file' : 'files'} of ${tasks} ${tasks === 1 ? 'task' : 'tasks'} ${where} ${printable(example)}${more}\n`;
}

async function* tasksOf(client: ApiClient, job: number): AsyncGenerator<TaskSummary> {
  for (let from: number | null = 0; from !== null; ) {
    const page: { tasks: readonly TaskSummary[]; next: number | null } = await client.call(
      'listTasks',
      { params: { job }, query: { from, limit: 1000 } },
    );
    yield* page.tasks;
    from = page.next;
  }
}

async function placeItem(
  placing: Placing,
  task: TaskSummary,
  item: ResultItem,
  written: Set<string>,
): Promise<void> {
  const target = targetOf(placing, task, item.name, item.file);
  if (target === null) return;
  const { text, base64 } = item;
  if (text !== null) return await put(placing, target, Buffer.from(text), written);
  if (base64 !== null) return await put(placing, target, Buffer.from(base64, 'base64'), written);
  const params = { job: placing.job, task: task.task, name: item.name };
  const query = item.file === '' ? {} : { file: item.file };
  const { stream } = await placing.client.call('readResult', { params, query });
  await put(placing, target, stream, written);
}

/** Of its last attempt. */
async function placeLogs(placing: Placing, task: TaskSummary, written: Set<string>): Promise<void> {
  for (const stream of ['stdout', 'stderr'] as const) {
    const target = targetOf(placing, task, stream, stream);
    if (target === null || written.has(target)) continue;
    const lines = await placing.client.call('readLogs', {
      params: { job: placing.job },
      query: { task: task.task, stream },
    });
    let last = 0;
    let text = '';
    for await (const line of lines) {
      if (line.number > last) text = '';
      last = Math.max(last, line.number);
      if (line.number === last) text += `${line.text}\n`;
    }
    await put(placing, target, Buffer.from(text), written);
  }
}

/** Where a file of a result goes; null: nowhere. The first rule that fits counts. */
function targetOf(
  placing: Placing,
  task: TaskSummary,
  result: string,
  file: string,
): string | null {
  const columns = Object.keys(task.parameters);
  placing.rules ??= placing.placement.files.map((one) => ruleOf(one, columns, placing.job));
  const cells = Object.values(task.parameters);
  for (const rule of placing.rules) {
    if (rule.result !== result) continue;
    const from = rule.from.expand(cells, task.task);
    const inner = innerOf(file, from);
    if (inner === null) continue;
    const to = rule.to.expand(cells, task.task);
    if (!isAbsolute(to) || to.includes('\0'))
      throw cliErrors.create('EXPORT_PATH_WRONG', { file: to });
    return inner === '' ? normalize(to) : insideOf(normalize(to), inner);
  }
  return null;
}

function ruleOf({ result, from, to }: PlacedResult, columns: readonly string[], job: number): Rule {
  const origin = { what: `place of ${result}` };
  return {
    result,
    from: compileText(from, columns, origin, job),
    to: compileText(to, columns, origin, job),
  };
}

/** What of the path is left below `from`; null: it is not below it. */
function innerOf(file: string, from: string): string | null {
  if (from === '') return file;
  if (file === from) return '';
  return file.startsWith(`${from}/`) ? file.slice(from.length + 1) : null;
}

/** Under its name there is the whole file or none. */
async function put(
  placing: Placing,
  target: string,
  content: Buffer | Readable,
  written: Set<string>,
): Promise<void> {
  const draft = join(dirname(target), `.windrow-${process.pid}.part`);
  try {
    if (written.has(target)) {
      const pieces = content instanceof Readable ? content : Readable.from([content]);
      return await pipeline(pieces, createWriteStream(target, { flags: 'a' }));
    }
    if (!existsSync(dirname(target))) makeDirectories(dirname(target));
    if (content instanceof Readable) await pipeline(content, createWriteStream(draft));
    else await writeFile(draft, content);
    await rename(draft, target);
  } catch (error) {
    await rm(draft, { force: true });
    throw cliErrors.create(
      'OUTPUT_FAILED',
      { target, reason: systemReasonOf(error) },
      { cause: error },
    );
  }
  written.add(target);
  placing.files++;
  placing.example ||= dirname(target);
}
