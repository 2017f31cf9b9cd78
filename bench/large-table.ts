/**
 * A table of ten million rows: `node bench/large-table.ts [rows]`. How long until it is accepted
 * (the job has a number), until the first program runs, how large the server is meanwhile, and how
 * long a restart takes after it was killed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { WINDROW } from './measured-process.ts';

const rows = Number(process.argv[2] ?? 10_000_000);
const CHUNK_ROWS = 100_000;
const LOOK_MS = 20;

const root = mkdtempSync(join(tmpdir(), 'windrow-bench-'));
const state = join(root, 'state');
const table = join(root, 'table.csv');
const mark = join(root, 'mark');
const program = join(root, 'program');

function writeTable(): void {
  const fd = openSync(table, 'w');
  writeSync(fd, 'beta,seed\n');
  for (let first = 0; first < rows; first += CHUNK_ROWS) {
    let text = '';
    const end = Math.min(rows, first + CHUNK_ROWS);
    for (let row = first; row < end; row++) text += `0.${row % 1000},${row}\n`;
    writeSync(fd, text);
  }
  closeSync(fd);
}

function start(...argv: string[]): ChildProcess {
  return spawn(WINDROW, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Starts the server; resolves when it serves. */
async function serve(): Promise<{ server: ChildProcess; url: string; afterMs: number }> {
  const startedMs = performance.now();
  const server = start('serve', '--listen', '127.0.0.1:0', '--state', state);
  const [line] = await once(createInterface({ input: server.stdout! }), 'line');
  const url = String(line).split(' ').at(-1)!;
  return { server, url, afterMs: performance.now() - startedMs };
}

async function hasJob(url: string, token: string): Promise<boolean> {
  const headers = { authorization: `Bearer ${token}` };
  const answer = await fetch(`${url}/v1/jobs`, { headers });
  const { jobs } = (await answer.json()) as { jobs: readonly unknown[] };
  return jobs.length > 0;
}

function peakMiB(pid: number): number {
  const text = readFileSync(`/proc/${pid}/status`, 'latin1');
  return Number(/VmHWM:\s+(\d+) kB/.exec(text)![1]) / 1024;
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;
let server: ChildProcess | null = null;
let worker: ChildProcess | null = null;
let run: ChildProcess | null = null;
try {
  writeTable();
  writeFileSync(program, '#!/bin/sh\n[ -e "$1" ] || : > "$1"\nexec sleep 1\n', { mode: 0o755 });
  let serving = await serve();
  server = serving.server;
  const there = ['--server', serving.url, '--state', state];
  // Behind the walls of a worker of root the program would put its mark into a /tmp of its own.
  const own = ['--dir', join(root, 'worker'), '--walls', 'bare'];
  worker = start('worker', ...there, '--slots', '1', ...own);
  const startedMs = performance.now();
  const tokenFile = join(state, 'admin-token');
  const command = ['--', program, mark, '$beta', '$seed'];
  run = start('run', ...there, '--token-file', tokenFile, '--parameters', table, ...command);
  run.stdout!.resume();
  const token = readFileSync(tokenFile, 'utf8').trim();
  while (!(await hasJob(serving.url, token))) await pause(LOOK_MS);
  const acceptedMs = performance.now() - startedMs;
  while (!existsSync(mark)) await pause(LOOK_MS);
  const firstMs = performance.now() - startedMs;
  console.log(`${rows} rows`);
  console.log(`accepted after   ${seconds(acceptedMs)}`);
  console.log(`first program    ${seconds(firstMs - acceptedMs)} after that`);
  console.log(`server at most   ${peakMiB(server.pid!).toFixed(0)} MiB`);
  server.kill('SIGKILL');
  await once(server, 'exit');
  serving = await serve();
  server = serving.server;
  console.log(`restart          ${seconds(serving.afterMs)}`);
  console.log(`server again     ${peakMiB(server.pid!).toFixed(0)} MiB at most`);
} finally {
  for (const child of [run, worker, server]) {
    if (!child || child.exitCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  rmSync(root, { recursive: true, force: true });
}
