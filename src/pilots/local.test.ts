import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { readLock, WindrowError } from '#base';
import { startLocalWorker, unexpectedEnd } from './local.ts';

function directory(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'windrow-pilot-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const SECRET = 'a-session-that-nobody-else-may-see';
const LOCKING = `
  import { takeLock } from ${JSON.stringify(import.meta.resolve('../base/lock-file.ts'))};
  if (!takeLock(process.argv[1]).taken) process.exit(9);
  process.on('SIGTERM', () => process.exit(0));
  console.log('locked');
  setInterval(() => {}, 1000);
`;

function command(code: string, ...args: string[]): string[] {
  return [process.execPath, '--input-type=module', '-e', code, ...args];
}

const LIMIT_MS = 60_000;

async function until(condition: () => boolean): Promise<void> {
  const endMs = performance.now() + LIMIT_MS;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`never came true: ${condition}`);
    await delay(10);
  }
}

function untilLocked(lock: string): Promise<void> {
  return until(() => readLock(lock)?.life === 'alive');
}

test('the session reaches the worker by stdin and is in neither argv nor environment', async (t) => {
  const dir = directory(t);
  const code = `
    import { readFileSync } from 'node:fs';
    const line = readFileSync(0, 'utf8');
    const seen = readFileSync('/proc/self/cmdline', 'utf8') + readFileSync('/proc/self/environ', 'utf8');
    console.log(line.length, seen.includes(line.trim()));
  `;
  const worker = await startLocalWorker({
    argv: command(code),
    environment: {},
    dir,
    line: SECRET,
    findHolder: () => undefined,
  });
  assert.deepEqual(await worker.ended, {
    exitCode: 0,
    signal: null,
    lastLine: `${SECRET.length + 1} false`,
  });
  assert.equal(statSync(worker.logPath).mode & 0o777, 0o600);
});

test('a worker that ends by itself is told with the last line of its log', async (t) => {
  const worker = await startLocalWorker({
    argv: command('console.error("first\\nno room left"); process.exitCode = 7;'),
    environment: {},
    dir: directory(t),
    line: null,
    findHolder: () => undefined,
  });
  const error = unexpectedEnd(await worker.ended, worker.logPath);
  assert.ok(error instanceof WindrowError);
  assert.equal(error.code, 'PILOT_WORKER_FAILED');
  assert.match(error.message, /exit code 7.*no room left/);
});

test('a program that is not there is a coded error', async (t) => {
  const start = startLocalWorker({
    argv: ['/nowhere/node'],
    environment: {},
    dir: directory(t),
    line: null,
    findHolder: () => undefined,
  });
  await assert.rejects(start, { code: 'PILOT_WORKER_NOT_STARTED' });
});

test('a living worker is adopted instead of a second one being started', async (t) => {
  const dir = directory(t);
  const lock = join(dir, 'worker.lock');
  const findHolder = () => {
    const state = readLock(lock);
    return state && { pid: state.holder.pid, life: state.life };
  };
  const options = {
    argv: command(LOCKING, lock),
    environment: {},
    dir,
    line: null,
    findHolder,
  };
  const first = await startLocalWorker(options);
  await untilLocked(lock);
  const second = await startLocalWorker(options);
  assert.equal(second.adopted, true);
  assert.equal(second.pid, first.pid);
  second.terminate();
  assert.equal((await first.ended).exitCode, 0);
  assert.equal((await second.ended).exitCode, null);
});

test('a worker has a session of its own and outlives a kill of whoever started it', async (t) => {
  const dir = directory(t);
  const lock = join(dir, 'worker.lock');
  const starter = `
    import { startLocalWorker } from ${JSON.stringify(import.meta.resolve('./local.ts'))};
    const argv = ${JSON.stringify(command(LOCKING, lock))};
    const worker = await startLocalWorker({ argv, environment: {}, dir: ${JSON.stringify(dir)}, line: null, findHolder: () => undefined });
    process.stdout.write(String(worker.pid));
    setInterval(() => {}, 1000);
  `;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', starter], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [pid] = (await once(parent.stdout, 'data')).map(Number);
  await untilLocked(lock);
  parent.kill('SIGKILL');
  await once(parent, 'exit');
  const state = readLock(lock);
  assert.equal(state?.life, 'alive');
  assert.equal(state?.holder.pid, pid);
  const session = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')[3];
  assert.equal(Number(session), pid);
  process.kill(pid!, 'SIGTERM');
  await until(() => readLock(lock)?.life !== 'alive');
});
