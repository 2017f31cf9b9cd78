/** Files that are used before they have their place in the store. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, linkSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { EarlyTurns } from './early-turns.ts';
import { bytesOf, type Origin, openOrigin, serve, sha256Of } from './testing/origin.ts';
import { directoryFor, openStore, readHeld } from './testing/store.ts';

const LARGE = { bytes: bytesOf(3_000_000), etag: '"one"' };
const SMALL = { bytes: bytesOf(3000), etag: '"one"' };
const CHILD = new URL('./testing/child.ts', import.meta.url).pathname;
const skip =
  spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0 ? false : 'strace cannot be used';

/** An account that modes count for, as for most workers; those who are not root are one themselves. */
const OTHER = 65_534;
const setpriv = ['setpriv', `--reuid=${OTHER}`, `--regid=${OTHER}`, '--clear-groups'];
const mayBeOther =
  process.getuid?.() === 0 &&
  spawnSync(setpriv[0]!, [...setpriv.slice(1), 'test', '-r', CHILD]).status === 0;
const asOther = mayBeOther ? setpriv : [];

function giveAway(directory: string): void {
  if (mayBeOther) spawnSync('chown', ['-R', `${OTHER}:${OTHER}`, directory]);
}

/** All that is called an entry or content, whether it is whole or not. */
function finalNames(directory: string): string[] {
  return ['entries', 'contents'].flatMap((folder) =>
    readdirSync(join(directory, folder), { recursive: true, withFileTypes: true })
      .filter((found) => found.isFile())
      .map(({ name }) => name),
  );
}

/** A process that wants the file early, the first flush of which goes as `fault` says. */
async function firstFlush(t: TestContext, directory: string, origin: Origin, fault: string) {
  // So that nothing else is flushed before: all its directories are there.
  await (await openStore(t, { directory })).close();
  giveAway(directory);
  const inject = [
    '-f',
    '-o',
    '/dev/null',
    '-e',
    `inject=fsync:${fault}:when=1`,
    '-e',
    'trace=fsync',
  ];
  const node = [process.execPath, CHILD, directory, origin.url, 'early'];
  // The calls are counted for each thread.
  const env = { ...process.env, UV_THREADPOOL_SIZE: '1' };
  const stdio = ['ignore', 'pipe', 'inherit'] as const;
  const [file = '', ...argv] = [...asOther, 'strace', ...inject, ...node];
  const child = spawn(file, argv, { stdio: [...stdio], env });
  t.after(() => child.kill('SIGTERM'));
  const exited = once(child, 'exit');
  const said = (await text(child.stdout!)).trim().split('\n');
  const [code, signal] = await exited;
  return { said, isKilled: signal === 'SIGKILL' || code === 137, code };
}

test('who wants a file early has it before it is stored; it is an entry for whoever asks for that', async (t) => {
  const origin = await openOrigin(t);
  const store = await openStore(t);
  for (const [path, version] of [
    ['/small', SMALL],
    ['/large', LARGE],
  ] as const) {
    const key = origin.on(path, (q, r) => serve(q, r, version));
    const before = finalNames(store.directory).length;
    const both = store.ensure({ key, mode: 'immutable' });
    const early = await store.ensure({ key, mode: 'immutable', isEarly: true });
    assert.equal(finalNames(store.directory).length, before);
    // Also who comes only now.
    const joined = await store.ensure({ key, mode: 'immutable', isEarly: true });
    assert.deepEqual([early.sha256, joined.path], [sha256Of(version.bytes), early.path]);
    assert.equal(finalNames(store.directory).length, before);
    const found = await store.find(key);
    assert.ok(existsSync(found!.path));
    for (const held of [early, joined, await both]) {
      assert.ok((await readHeld(held)).equals(version.bytes));
    }
    assert.equal(origin.countOf(path), 1);
  }
  const gone = origin.on('/gone', (q, r) => serve(q, r, SMALL));
  const held = await store.ensure({ key: gone, mode: 'immutable', isEarly: true });
  assert.equal(await store.remove(gone), true);
  assert.ok((await readHeld(held)).equals(SMALL.bytes));
  assert.equal(await store.find(gone), null);
  assert.deepEqual(readdirSync(join(store.directory, 'parts')), []);
});

test('a store that is closed stores first what was given away', async (t) => {
  const origin = await openOrigin(t);
  const directory = directoryFor(t);
  const store = await openStore(t, { directory });
  const key = origin.on('/file', (q, r) => serve(q, r, LARGE));
  await store.ensure({ key, mode: 'immutable', isEarly: true });
  await store.close();
  const held = await (await openStore(t, { directory })).hold(key);
  assert.ok((await readHeld(held!)).equals(LARGE.bytes));
});

test('killed before a file is flushed, a process leaves no final name, and all but nothing to fetch', {
  skip,
}, async (t) => {
  const directory = directoryFor(t);
  const origin = await openOrigin(t);
  origin.on('/file', (q, r) => serve(q, r, LARGE));
  const { said, isKilled } = await firstFlush(t, directory, origin, 'signal=SIGKILL');
  assert.ok(isKilled);
  assert.deepEqual(said, [`fetched ${sha256Of(LARGE.bytes)}`]);
  assert.deepEqual(finalNames(directory), []);
  const [file = '', ...argv] = [...asOther, process.execPath, CHILD, directory, origin.url, 'once'];
  const child = spawn(file, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGTERM'));
  const words = (await text(child.stdout)).trim().split('\n');
  assert.deepEqual(words, ['ready', `fetched ${sha256Of(LARGE.bytes)}`]);
  // What would lie behind the end cannot be asked for.
  assert.deepEqual(
    origin.asked.map(({ headers }) => headers.range),
    [undefined, 'bytes=2999999-'],
  );
});

test('killed before a file is flushed, a process leaves those who have it what they have, whatever comes next', {
  skip,
}, async (t) => {
  const directory = directoryFor(t);
  const origin = await openOrigin(t);
  const key = origin.on('/file', (q, r) => serve(q, r, LARGE));
  assert.ok((await firstFlush(t, directory, origin, 'signal=SIGKILL')).isKilled);
  const [part = ''] = readdirSync(join(directory, 'parts')).filter((name) =>
    name.endsWith('.part'),
  );
  // Of an attempt that goes on.
  const ofAttempt = join(directory, 'of-attempt');
  linkSync(join(directory, 'parts', part), ofAttempt);
  const next = { bytes: bytesOf(1000, 2), etag: '"two"' };
  origin.on('/file', (q, r) => serve(q, r, next));
  const held = await (await openStore(t, { directory })).ensure({ key, mode: 'immutable' });
  assert.ok((await readHeld(held)).equals(next.bytes));
  assert.ok(readFileSync(ofAttempt).equals(LARGE.bytes));
});

test('what a disk does not take is told of and no entry; who has it keeps it, and it is fetched again', {
  skip,
}, async (t) => {
  const directory = directoryFor(t);
  const origin = await openOrigin(t);
  origin.on('/file', (q, r) => serve(q, r, SMALL));
  const { said, code } = await firstFlush(t, directory, origin, 'error=EIO');
  const sha256 = sha256Of(SMALL.bytes);
  const first = [`fetched ${sha256}`, 'unstored', `not there ${sha256}`];
  assert.deepEqual(said, [...first, `fetched ${sha256}`, 'stored', `there ${sha256}`]);
  assert.equal(code, 0);
  assert.equal(origin.countOf('/file'), 2);
  assert.deepEqual(readdirSync(join(directory, 'parts')), []);
});

test('no more files are used before they are stored than a disk is done with soon', async () => {
  const turns = new EarlyTurns();
  const entered = Array.from({ length: 16 }, () => turns.enter()!);
  assert.equal(turns.enter(), null);
  const begun: number[] = [];
  for (const [at, one] of entered.entries()) void one.then(() => begun.push(at));
  const [leave] = await Promise.all(entered.slice(0, 3));
  assert.deepEqual(begun, [0, 1, 2]);
  leave!();
  await entered[3]!;
  assert.deepEqual(begun, [0, 1, 2, 3]);
  assert.notEqual(turns.enter(), null);
});
