/** Plain children behind this room's ports, for its tests; with a test of their own. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { test } from 'node:test';
import type {
  LineProcess,
  LineProcessRequest,
  ProgramOutcome,
  ProgramRequest,
  ProgramStarter,
  UserCodePorts,
} from './port.ts';

export function testPorts(temporaryDirectory: string): UserCodePorts {
  return {
    openLineProcess,
    openStarter,
    node: process.execPath,
    environment: { PATH: process.env.PATH ?? '/usr/bin:/bin' },
    temporaryDirectory,
    nonce: randomUUID,
  };
}

/** Kills the whole group; it may be gone. */
function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {}
}

function residentBytes(pid: number | undefined): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096;
  } catch {
    return 0;
  }
}

function openLineProcess(request: LineProcessRequest): LineProcess {
  const [file, ...args] = request.argv;
  const child = spawn(file!, args, {
    cwd: request.directory,
    env: request.environment,
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  });
  let reason: string | null = null;
  const printed = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].on('data', (bytes: Buffer) => {
      printed[name] = (printed[name] + bytes).slice(-10_000);
    });
  }
  child.stdin.on('error', () => undefined);
  createInterface({ input: child.stdio[3] as Readable }).on('line', request.onLine);
  const kill = () => killGroup(child.pid, 'SIGKILL');
  const watch = setInterval(() => {
    if (request.memoryBytes === 0 || residentBytes(child.pid) <= request.memoryBytes) return;
    reason ??= `it used more than ${request.memoryBytes} bytes of memory`;
    kill();
  }, 20);
  const closed = once(child, 'exit').then(async ([status, signal]) => {
    clearInterval(watch);
    kill();
    for (const stream of child.stdio) stream?.destroy();
    const how = status === null ? `${signal} ended it` : `it exited with status ${status}`;
    request.onEnd({ reason: reason ?? how, ...printed });
  });
  return { send: (line) => void child.stdin.write(`${line}\n`), kill, closed };
}

function openStarter(): ProgramStarter {
  return { start, close: async () => undefined };
}

function start(request: ProgramRequest) {
  const child = spawn(request.file, request.argv.slice(1), {
    cwd: request.directory,
    env: request.environment,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let timedOut = false;
  let killed = false;
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].on('data', (bytes: Buffer) => request.onOutput(name, bytes));
  }
  const timer = setTimeout(() => {
    timedOut = true;
    killGroup(child.pid, 'SIGKILL');
  }, request.timeoutMs);
  const ended = new Promise<ProgramOutcome>((resolve) => {
    child.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      resolve({ failed: 'launch', code: error.code ?? '', message: error.message });
    });
    child.on('close', (exitCode, signal) => {
      clearTimeout(timer);
      resolve({ exitCode, signal, timedOut, killed });
    });
  });
  const kill = () => {
    killed = true;
    killGroup(child.pid, 'SIGKILL');
  };
  return { ended, kill };
}

test('a child answers lines on descriptor 3 and its end has a reason', async () => {
  const lines: string[] = [];
  const ends: string[] = [];
  const child = openLineProcess({
    argv: ['/bin/sh', '-c', 'read x; echo "got $x" >&3; exit 4'],
    directory: '/',
    environment: {},
    memoryBytes: 0,
    onLine: (line) => lines.push(line),
    onEnd: ({ reason }) => ends.push(reason),
  });
  child.send('hello');
  await child.closed;
  assert.deepEqual(lines, ['got hello']);
  assert.deepEqual(ends, ['it exited with status 4']);
});
