import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  FakeDoor,
  type FakeTask,
  type OpenServer,
  SESSION,
  serveDoor,
} from './testing/fake-door.ts';

const execute = promisify(execFile);
const SCRIPT = fileURLToPath(new URL('../../../examples/curl-worker/worker.sh', import.meta.url));

const PLATFORM = `${process.platform}-${process.arch}`;

let directory = '';
let spool = '';
let sessionFile = '';
const running: Worker[] = [];
let servers: OpenServer[] = [];

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'windrow-curl-worker-'));
  spool = join(directory, 'spool');
  sessionFile = join(directory, 'session');
  await mkdir(spool);
  await writeFile(sessionFile, `${SESSION}\n`, { mode: 0o600 });
});
after(() => rm(directory, { recursive: true }));
afterEach(async () => {
  for (const worker of running.splice(0)) {
    if (worker.child.exitCode === null) worker.child.kill('SIGTERM');
    await worker.ended;
  }
  for (const server of servers.splice(0)) await server.close();
});

interface Worker {
  readonly child: ChildProcess;
  readonly top: string;
  readonly ended: Promise<number | null>;
  said: string;
}

async function serve(door: FakeDoor): Promise<OpenServer> {
  const server = await serveDoor(door, spool);
  servers.push(server);
  return server;
}

async function start(
  url: string,
  given: { top?: string; pids?: string; script?: string; putHere?: string; giveUp?: string } = {},
): Promise<Worker> {
  const place = given.top ?? (await mkdtemp(join(directory, 'top-')));
  const child = spawn('sh', [given.script ?? SCRIPT, url, sessionFile, place], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      ...process.env,
      WINDROW_NAME: 'node 17 & co',
      WINDROW_GIVE_UP: given.giveUp ?? '30',
      WINDROW_PUT_HERE: given.putHere,
      PIDS: given.pids,
    },
  });
  const ended = once(child, 'close').then(([code]) => code as number | null);
  const worker: Worker = { child, top: place, ended, said: '' };
  child.stderr!.on('data', (chunk) => {
    worker.said += chunk;
  });
  running.push(worker);
  return worker;
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await setTimeout(10);
}

function task(text: string, more: Partial<FakeTask> = {}): FakeTask {
  const results = [{ name: 'out', file: 'stdout' }];
  return { timeoutMs: 0, command: { kind: 'shell', text }, inputs: [], results, ...more };
}

function input(file: string, content: Buffer): FakeTask['inputs'][number] {
  return { file, bytes: content.length, content };
}

test('a machine with sh and curl computes a whole sweep, byte for byte', {
  timeout: 60_000,
}, async () => {
  const binary = randomBytes(70_000);
  const tricky = Buffer.from('\n--end content--\n[Result]\nName=x\n--begin content--\n\0\r\n');
  const program = Buffer.from('#!/bin/sh\nexec cat "$@"\n');
  const stdoutAnd = (name: string, file: string) => [
    { name: 'out', file: 'stdout' },
    { name, file },
  ];
  const door = new FakeDoor([
    task('cat table.bin', { inputs: [input('table.bin', binary)] }),
    task('cat deep/er/a "$PWD"/b', {
      inputs: [input('deep/er/a', tricky), input('b', Buffer.alloc(0)), input('é ü', binary)],
    }),
    task('cat', { inputs: [input('stdin', tricky)] }),
    task("printf '%s' 'two\nlines' # and a comment"),
    task('tr a-z A-Z # comment', { inputs: [input('stdin', Buffer.from('loud'))] }),
    task('', {
      command: { kind: 'argv', argv: ['printf', '%s|', "it's", '$(x)', '-y', 'a\nb', ''] },
    }),
    task('head -c 70000 /dev/zero > big; echo x', { results: stdoutAnd('field', 'big') }),
    task('mkdir o; echo 1 > o/a.dat; echo 2 > "o/b c.dat"; echo', {
      results: stdoutAnd('all', 'o/*.dat'),
    }),
    task('echo "$WINDROW_TICKET" >&2; true', { results: stdoutAnd('err', 'stderr') }),
    task('./prog b', { inputs: [input('b', Buffer.from('shipped'))] }),
  ]);
  const md5 = createHash('md5').update(program).digest('hex');
  door.configuration = { ...door.configuration, worker: { name: 'prog', md5 } };
  door.programs.set('prog', new Map([[PLATFORM, program]]));
  const { url } = await serve(door);
  const worker = await start(url);
  assert.equal(await worker.ended, 0, worker.said);
  assert.deepEqual([...door.failed], []);
  const out = [...door.done].sort(([a], [b]) => a - b).map(([, results]) => results);
  assert.ok(out[0]!.out!.equals(binary));
  assert.ok(out[1]!.out!.equals(tricky));
  assert.ok(out[2]!.out!.equals(tricky));
  assert.equal(out[3]!.out!.toString(), 'two\nlines');
  assert.equal(out[4]!.out!.toString(), 'LOUD');
  assert.equal(out[5]!.out!.toString(), "it's|$(x)|-y|a\nb||");
  assert.ok(out[6]!.field!.equals(Buffer.alloc(70_000)));
  assert.equal(out[7]!['all:o/a.dat']!.toString(), '1\n');
  assert.equal(out[7]!['all:o/b c.dat']!.toString(), '2\n');
  assert.match(out[8]!.err!.toString(), /^10\d\n$/);
  assert.equal(out[9]!.out!.toString(), 'shipped');
  assert.equal(door.platform, PLATFORM);
  assert.equal(door.leases[0]!.worker, 'node 17 & co');
  // DeleteWorker=Yes: what it fetched is gone, and so is its own directory.
  assert.deepEqual(await readdir(worker.top, { recursive: true }), ['windrow-programs']);
});

test('failures are told with their cause', { timeout: 60_000 }, async () => {
  const door = new FakeDoor([
    task('echo boo >&2; exit 3'),
    task('kill -SEGV $$'),
    task('true', { results: [{ name: 'field', file: 'out.dat' }] }),
    task('true', { results: [{ name: 'all', file: '*.dat' }] }),
    task('./no-such-program'),
    task('sleep 300 & sleep 300', { timeoutMs: 1000 }),
  ]);
  const { url } = await serve(door);
  const worker = await start(url);
  assert.equal(await worker.ended, 0, worker.said);
  const told = [...door.failed.values()].map(({ cause, exitCode, signal }) => [
    cause,
    exitCode,
    signal,
  ]);
  assert.deepEqual(told, [
    ['exit-code', 3, null],
    ['signal', null, 'SIGSEGV'],
    ['missing-result', null, null],
    ['missing-result', null, null],
    ['exit-code', 127, null],
    ['timeout', null, null],
  ]);
  assert.match(door.failed.get(0)!.reason, /boo/);
});

test('a program whose ticket has expired is killed with all it started', {
  timeout: 60_000,
}, async () => {
  const door = new FakeDoor([task('sleep 300 & echo $! > "$PIDS"; wait')]);
  door.configuration = { ...door.configuration, pingS: 1 };
  const { url } = await serve(door);
  const pids = join(directory, 'pids');
  const worker = await start(url, { pids });
  await until(async () => /\n/.test(await readFile(pids, 'utf8').catch(() => '')));
  const pid = Number(await readFile(pids, 'utf8'));
  assert.ok(await isAlive(pid));
  await until(() => door.pings.length > 0);
  door.cancel(100);
  assert.equal(await worker.ended, 0, worker.said);
  assert.match(worker.said, /task 100 is not wanted any more/);
  await until(async () => !(await isAlive(pid)));
  assert.deepEqual([...door.done, ...door.failed], []);
});

test('a worker that is asked to end kills its program and says so', {
  timeout: 60_000,
}, async () => {
  const door = new FakeDoor([task('echo $$ > "$PIDS"; exec sleep 300')]);
  const { url } = await serve(door);
  const pids = join(directory, 'pids-of-term');
  const worker = await start(url, { pids });
  await until(async () => /\n/.test(await readFile(pids, 'utf8').catch(() => '')));
  worker.child.kill('SIGTERM');
  assert.equal(await worker.ended, 1);
  assert.equal(await isAlive(Number(await readFile(pids, 'utf8'))), false);
  assert.equal(door.failed.get(0)!.cause, 'cancelled');
  assert.deepEqual(await readdir(worker.top), []);
});

/** A directory in which another worker of the machine `host` holds the program's lock. */
async function lockedTop(md5: string, holder: string): Promise<string> {
  const top = await mkdtemp(join(directory, 'top-'));
  await mkdir(join(top, 'windrow-programs'));
  await writeFile(join(top, 'windrow-programs', `${md5}.lock`), `${holder}\n`);
  return top;
}

test('the lock of a dead worker is passed over at once, that of another machine is waited for', {
  timeout: 60_000,
}, async () => {
  const program = Buffer.from('#!/bin/sh\necho "$1"\n');
  const md5 = createHash('md5').update(program).digest('hex');
  const door = new FakeDoor([task('./prog one'), task('./prog two')]);
  door.configuration = { ...door.configuration, worker: { name: 'prog', md5 } };
  let fetched = 0;
  door.programs.set('prog', new Map([[PLATFORM, program]]));
  const counting = door.program.bind(door);
  door.program = (name, platform) => {
    fetched++;
    return counting(name, platform);
  };
  const { url } = await serve(door);
  const dead = await start(url, { top: await lockedTop(md5, `${hostname()} 4194305`) });
  assert.equal(await dead.ended, 0, dead.said);
  assert.equal(door.done.size, 2);
  assert.equal(fetched, 1);
  const foreign = await lockedTop(md5, 'elsewhere 1');
  door.platform = null;
  const waiting = await start(url, { top: foreign });
  await until(() => door.platform !== null);
  const place = join(foreign, 'windrow-programs');
  await writeFile(join(place, `${md5}.part.elsewhere.1`), 'x');
  await writeFile(join(place, md5), program, { mode: 0o755 });
  assert.equal(await waiting.ended, 0, waiting.said);
  assert.equal(fetched, 1);
  const left = await readdir(place);
  assert.ok(left.includes(md5), 'what another machine brought is not removed');
});

test('a client that was put there for the session removes itself when the server says so', {
  timeout: 60_000,
}, async () => {
  for (const putHere of ['yes', 'no']) {
    const door = new FakeDoor([task('true')]);
    door.configuration = { ...door.configuration, deleteClient: true };
    const { url } = await serve(door);
    const script = join(await mkdtemp(join(directory, 'top-')), 'worker.sh');
    await copyFile(SCRIPT, script);
    const worker = await start(url, { script, putHere });
    assert.equal(await worker.ended, 0, worker.said);
    const isThere = await readFile(script).then(
      () => true,
      () => false,
    );
    assert.equal(isThere, putHere === 'no');
  }
});

test('two workers share a directory and a sweep, and wait for what may come back', {
  timeout: 60_000,
}, async () => {
  const program = Buffer.from('#!/bin/sh\necho "$1"\n');
  const door = new FakeDoor(Array.from({ length: 6 }, (_, n) => task(`sleep 0.3; ./prog ${n}`)));
  const md5 = createHash('md5').update(program).digest('hex');
  door.configuration = {
    ...door.configuration,
    deleteWorker: false,
    worker: { name: 'prog', md5 },
  };
  let fetched = 0;
  const builds = new Map([[PLATFORM, program]]);
  door.programs.set('prog', builds);
  const inner = door.program.bind(door);
  door.program = async (name, platform) => {
    fetched++;
    return await inner(name, platform);
  };
  const { url } = await serve(door);
  const top = await mkdtemp(join(directory, 'shared-'));
  const workers = await Promise.all([start(url, { top }), start(url, { top })]);
  for (const worker of workers) assert.equal(await worker.ended, 0, worker.said);
  assert.equal(fetched, 1);
  const out = [...door.done].map(([index, results]) => [index, results.out!.toString()]);
  assert.deepEqual(
    out.sort(),
    Array.from({ length: 6 }, (_, n) => [n, `${n}\n`]),
  );
});

test('without the right session, or without a server, it ends and says why', {
  timeout: 60_000,
}, async () => {
  const { url, close } = await serve(new FakeDoor([task('true')]));
  await writeFile(sessionFile, 'wrong\n');
  const wrong = await start(url);
  assert.equal(await wrong.ended, 1);
  assert.match(wrong.said, /refuses with 403/);
  await writeFile(sessionFile, `${SESSION}\n`);
  await close();
  servers = [];
  const lonely = await start(url, { giveUp: '2' });
  assert.equal(await lonely.ended, 1);
  assert.match(lonely.said, /no good answer for 2 s/);
});

/** A zombie is dead: whether it is reaped is the business of the machine's init. */
async function isAlive(pid: number): Promise<boolean> {
  const state = await execute('ps', ['-o', 'stat=', '-p', String(pid)]).catch(() => null);
  return state !== null && !state.stdout.startsWith('Z');
}
