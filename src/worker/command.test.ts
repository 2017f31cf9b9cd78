import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readLock, startTimeOf } from '#base';
import { type Field, openField, until } from './testing/field.ts';
import { jobOf, rowsOf, SESSION, textOf } from './testing/field-server.ts';
import { lockPathOf } from './worker-directory.ts';

const SCRIPT = new URL('./testing/worker-process.ts', import.meta.url).pathname;
/** Each test starts workers: what came of compiling them is kept. */
const CACHED = ['--import', new URL('../../scripts/compile-cache.mjs', import.meta.url).pathname];

function launch(field: Field, settings: object = {}) {
  const argument = JSON.stringify({ url: field.server.url, dir: field.dir, ...settings });
  const child = spawn(process.execPath, [...CACHED, SCRIPT, argument], {
    stdio: ['pipe', 'inherit', 'pipe'],
  });
  child.stdin.end(`${SESSION}\n`);
  return { child, exited: once(child, 'exit'), errors: stderrOf(child) };
}

async function stderrOf(child: ChildProcess): Promise<string> {
  let text = '';
  for await (const chunk of child.stderr!) text += chunk;
  return text;
}

/** Pids that a job's shell and its children have written to `path`. */
function pidsIn(path: string): number[] {
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n').map(Number) : [];
}

test('after kill -9 of the worker no program of it runs on, and the next one clears up', async () => {
  await using field = await openField();
  const { server } = field;
  const pids = join(field.dir, 'pids');
  const command = `echo $$$$ >> '${pids}'; setsid sh -c 'echo $$$$ >> ${pids}; sleep 1000' & : > mine; wait`;
  server.addTasks(jobOf(command), rowsOf(2));
  const first = launch(field);
  await until(() => pidsIn(pids).length === 4);
  const dead = server.syncs.at(-1)!.worker;
  first.child.kill('SIGKILL');
  await first.exited;
  await until(() => pidsIn(pids).every((pid) => startTimeOf(pid) === undefined));
  const scratch = join(field.dir, hostname(), 'scratch');
  assert.equal(readdirSync(scratch).length, 2);
  server.waiting.length = 0;
  const second = launch(field);
  await server.until(() => server.syncs.at(-1)?.worker !== dead);
  assert.equal(server.syncs.at(-1)?.replaces, dead);
  assert.deepEqual(readdirSync(scratch), []);
  second.child.kill('SIGTERM');
  assert.deepEqual(await second.exited, [0, null]);
});

test('with Node’s own spawn the next worker ends the programs that a killed one left', async () => {
  await using field = await openField();
  const { server } = field;
  const pids = join(field.dir, 'pids');
  server.addTasks(jobOf(`echo $$$$ >> '${pids}'; while :; do sleep 0.1; done`), rowsOf(1));
  const first = launch(field, { starter: 'spawn' });
  await until(() => pidsIn(pids).length === 1);
  first.child.kill('SIGKILL');
  await first.exited;
  server.current.clear();
  const second = launch(field, { starter: 'spawn' });
  await server.until(() => server.syncs.at(-1)!.replaces !== null);
  assert.equal(startTimeOf(pidsIn(pids)[0]!), undefined);
  second.child.kill('SIGTERM');
  await second.exited;
});

test('leases are renewed while the agent is blocked for three seconds', async () => {
  await using field = await openField();
  const { server } = field;
  server.settings = { ...server.settings, leaseMs: 1200 };
  server.addTasks(jobOf('echo $x'), rowsOf(1));
  const worker = launch(field, { blockMs: 3000 });
  await server.until(() => server.ended.size === 1);
  const before = server.renewedAtMs.length;
  server.addTasks(jobOf('echo $x'), rowsOf(1));
  const beganMs = performance.now();
  await server.until(() => server.ended.size === 2);
  assert.ok(performance.now() - beganMs > 2900, 'the agent was blocked');
  const renewed = server.renewedAtMs.slice(before);
  // Seven on a machine with nothing else to do; the agent would have sent none.
  assert.ok(renewed.length >= 3, `${renewed.length} renewals`);
  worker.child.kill('SIGTERM');
  assert.deepEqual(await worker.exited, [0, null]);
});

test('the first SIGTERM lets programs finish, the second ends them', async () => {
  await using field = await openField();
  const { server } = field;
  server.addTasks(jobOf(['/bin/sleep', '1000']), rowsOf(5));
  const worker = launch(field);
  await server.until(() => server.syncs.at(-1)?.holding.length === 2);
  worker.child.kill('SIGTERM');
  await server.until(() => server.syncs.at(-1)?.draining === true);
  assert.equal(server.ended.size, 0);
  worker.child.kill('SIGINT');
  assert.deepEqual(await worker.exited, [0, null]);
  assert.deepEqual(
    server.ends().map(({ cause }) => cause),
    ['cancelled', 'cancelled'],
  );
  assert.equal(server.waiting.length, 3);
  const own = join(field.dir, hostname());
  assert.deepEqual(readdirSync(join(own, 'scratch')), []);
  assert.equal(existsSync(join(own, 'worker.lock')), false);
});

test('two workers of one machine share a directory, unless one wants it alone', async () => {
  await using field = await openField();
  const { server } = field;
  const first = launch(field);
  await server.until(() => server.syncs.length > 0);
  const lock = lockPathOf(field.dir, hostname());
  assert.equal(readLock(lock)?.life, 'alive');
  assert.equal(readLock(lock)?.holder.worker, server.syncs[0]?.worker);
  const alone = launch(field, { exclusive: true });
  assert.deepEqual(await alone.exited, [1, null]);
  assert.match(await alone.errors, /WORKER_DIRECTORY_BUSY/);
  const second = launch(field);
  await server.until(() => new Set(server.syncs.map(({ worker }) => worker)).size === 2);
  assert.ok(existsSync(join(field.dir, `${hostname()}-2`, 'worker.lock')));
  for (const { child } of [first, second]) child.kill('SIGTERM');
  assert.deepEqual(await first.exited, [0, null]);
  assert.deepEqual(await second.exited, [0, null]);
});

test('what is not the worker’s own stays when it clears its directory', async () => {
  await using field = await openField();
  const own = join(field.dir, hostname());
  for (const name of ['scratch/0123abcd-7', 'scratch/mine', 'scratch/spare-3', 'spool']) {
    mkdirSync(join(own, name), { recursive: true });
  }
  for (const name of ['scratch/0123abcd-7/file', 'spool/0123abcd-7.stdin', 'spool/notes.txt']) {
    writeFileSync(join(own, name), '');
  }
  const worker = launch(field);
  await field.server.until(() => field.server.syncs.length > 0);
  assert.deepEqual(readdirSync(join(own, 'scratch')), ['mine']);
  assert.deepEqual(readdirSync(join(own, 'spool')), ['notes.txt']);
  worker.child.kill('SIGTERM');
  await worker.exited;
});

test('a directory that cannot be made is a coded error', async () => {
  await using field = await openField();
  const worker = launch(field, { dir: '/dev/null/windrow' });
  assert.deepEqual(await worker.exited, [1, null]);
  assert.match(await worker.errors, /WORKER_DIRECTORY_UNUSABLE/);
});

test('a worker that is to drain for a while only gives back what still runs then', async () => {
  await using field = await openField();
  const { server } = field;
  server.addTasks(jobOf(['/bin/sleep', '1000']), rowsOf(2));
  const worker = launch(field, { drainMs: 300 });
  await server.until(() => server.syncs.at(-1)?.holding.length === 2);
  worker.child.kill('SIGTERM');
  assert.deepEqual(await worker.exited, [0, null]);
  assert.deepEqual(
    server.ends().map(({ cause, reason }) => [cause, reason]),
    Array(2).fill(['cancelled', 'Its worker was stopped.']),
  );
});

test('a worker is told by its starter where the server has moved, and loses nothing that it runs', async () => {
  await using field = await openField();
  const { server } = field;
  const go = join(field.dir, 'go');
  server.addTasks(jobOf(`until [ -e '${go}' ]; do sleep 0.05; done; echo $x`), rowsOf(1));
  const old = await gateTo(new URL(server.url));
  const settings = { exclusive: true, told: true };
  const worker = launch(field, { ...settings, url: old.url });
  await server.until(() => server.syncs.at(-1)?.holding.length === 1);
  const first = server.syncs.at(-1)!.worker;
  await old.close();
  const second = launch(field, settings);
  assert.equal((await second.exited)[0], 1);
  assert.match(await second.errors, /WORKER_DIRECTORY_BUSY/);
  const stranger = launch(field, { ...settings, told: false, url: 'http://127.0.0.1:9' });
  assert.equal((await stranger.exited)[0], 1, 'one that shows no session tells it nothing');
  writeFileSync(go, '');
  await server.until(() => server.ended.size === 1);
  assert.deepEqual(
    server.ends().map((end) => [end.cause, textOf(end, 'out')]),
    [['ok', '0\n']],
  );
  assert.equal(server.syncs.at(-1)!.worker, first);
  worker.child.kill('SIGTERM');
  assert.deepEqual(await worker.exited, [0, null]);
});

/** Another address of a server, until it is closed. */
async function gateTo({ hostname: host, port }: URL) {
  const open = new Set<Socket>();
  const gate = createServer((near) => {
    const far = connect(Number(port), host);
    for (const socket of [near, far]) {
      open.add(socket);
      socket.on('error', () => {}).on('close', () => open.delete(socket));
    }
    near.pipe(far).pipe(near);
  });
  await once(gate.listen(0, '127.0.0.1'), 'listening');
  const close = async () => {
    gate.close();
    for (const socket of open) socket.destroy();
    await once(gate, 'close');
  };
  return { url: `http://127.0.0.1:${(gate.address() as AddressInfo).port}`, close };
}

test('with another server under the same address a worker begins anew, and mixes nothing up', async () => {
  await using field = await openField();
  const { server } = field;
  const sessionFile = join(field.dir, 'session');
  writeFileSync(sessionFile, `${SESSION}\n`, { mode: 0o600 });
  server.addTasks(jobOf('echo old; sleep 1000'), rowsOf(2));
  const worker = launch(field, { sessionFile });
  await server.until(() => server.syncs.at(-1)?.holding.length === 2);
  const first = server.syncs.at(-1)!.worker;
  // Jobs and tickets of the new one have the same numbers.
  server.session = 'session-of-another-server-0123456789';
  writeFileSync(sessionFile, `${server.session}\n`, { mode: 0o600 });
  for (const ticket of server.current.keys()) {
    server.current.set(ticket, { ...server.current.get(ticket)!, worker: 'somebody' });
  }
  server.syncs.length = 0;
  server.addTasks(jobOf('echo new'), rowsOf(3));
  server.cancels = [{ ticket: 1, cause: 'cancelled' }];
  server.change();
  await server.until(() => server.ended.size === 3);
  assert.deepEqual(new Set(server.ends().map((end) => textOf(end, 'out'))), new Set(['new\n']));
  assert.ok(server.syncs.every(({ worker: id }) => id !== first));
  assert.equal(server.syncs[0]!.knownJobs.length, 0);
  worker.child.kill('SIGTERM');
  assert.deepEqual(await worker.exited, [0, null]);
});
