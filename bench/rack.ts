/**
 * Tasks of one second on six workers of two slots each, as on a rack: `node bench/rack.ts [tasks] [walls]`.
 * Server and workers are processes of their own, as users start them, on one machine; the programs
 * sleep, so that what is measured is how long slots wait for work, not who gets the processors.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ApiClient, type JobStats } from '#wire';
import { WINDROW } from './measured-process.ts';

const WORKERS = 6;
const SLOTS = 2;
const TASK_S = 1;
const tasks = Number(process.argv[2] ?? 360);
/** As each worker finds them if not given: `private` for root, `bare` for an ordinary user. */
const walls = process.argv[3];

const root = mkdtempSync(join(tmpdir(), 'windrow-bench-'));
const at = (...parts: string[]) => join(root, ...parts);
const children: ChildProcess[] = [];

function start(...argv: string[]): ChildProcess {
  const child = spawn(WINDROW, argv, { cwd: root, stdio: ['ignore', 'pipe', 'ignore'] });
  children.push(child);
  return child;
}

async function lineOf(child: ChildProcess): Promise<string> {
  const [line] = await once(createInterface({ input: child.stdout! }), 'line');
  return line as string;
}

async function workersOf(client: ApiClient): Promise<number> {
  return (await client.call('listWorkers', {})).workers.length;
}

function startWorker(url: string, number: number): void {
  const own = ['--name', `node${number}`, '--dir', at(`worker${number}`), '--slots', `${SLOTS}`];
  if (walls) own.push('--walls', walls);
  start('worker', '--server', url, '--session-file', at('state', 'session'), ...own);
}

/** Submits and waits; the statistics are what the server says of the job. */
async function measure(url: string, client: ApiClient): Promise<JobStats> {
  const there = [
    '--server',
    url,
    '--token-file',
    at('state', 'admin-token'),
    '--output',
    at('out'),
  ];
  const run = start('run', ...there, '--range', `i=1..${tasks}`, '--', `sleep ${TASK_S}`);
  const [code] = await once(run, 'exit');
  if (code !== 0) throw new Error(`windrow run ended with ${code}`);
  return await client.call('getStats', { params: { job: 1 } });
}

try {
  const server = start('serve', '--state', at('state'), '--listen', '127.0.0.1:0');
  const url = (await lineOf(server)).split(' ').at(-1)!;
  const client = new ApiClient({
    url,
    token: readFileSync(at('state', 'admin-token'), 'utf8').trim(),
  });
  for (let number = 1; number <= WORKERS; number++) startWorker(url, number);
  while ((await workersOf(client)) < WORKERS)
    await new Promise((resolve) => setTimeout(resolve, 50));
  const stats = await measure(url, client);
  await client.close();
  const idealMs = (tasks * TASK_S * 1000) / (WORKERS * SLOTS);
  const share = ((idealMs / stats.elapsedMs) * 100).toFixed(1);
  console.log(`${tasks} tasks of ${TASK_S} s on ${WORKERS} × ${SLOTS} slots`);
  console.log(
    `elapsed     ${stats.elapsedMs.toFixed(0)} ms from the submission to the end of the job`,
  );
  console.log(`ideal       ${idealMs.toFixed(0)} ms`);
  console.log(`efficiency  ${share} %`);
  console.log(
    `wall times  ${stats.wall!.p50Ms.toFixed(0)} ms median, ${stats.wall!.maxMs.toFixed(0)} most`,
  );
} finally {
  for (const child of children) child.kill();
  await Promise.all(children.map((child) => child.exitCode ?? once(child, 'exit')));
  rmSync(root, { recursive: true, force: true });
}
