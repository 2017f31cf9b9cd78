import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ManualClock } from '#base';
import type { ServerLink } from './port.ts';
import { Successor } from './successor.ts';

const BYTES = Buffer.from('#!/bin/sh\n');
const OFFER = {
  version: '2.0.0',
  sha256: createHash('sha256').update(BYTES).digest('hex'),
  bytes: BYTES.length,
  encodings: ['identity'],
} as const;
const NAME = `windrow-2.0.0-linux-x64-${OFFER.sha256.slice(0, 12)}`;
const FOREVER = new AbortController().signal;
const AGAIN_AFTER_MS = 600_000;
const log = { debug() {}, info() {}, warn() {}, error() {} };

/** A worker's executable in a directory of its own, and a server that counts what is fetched. */
function field(
  t: TestContext,
  tryVersion = async (_path: string) => '2.0.0',
  url = 'http://127.0.0.1:8980',
) {
  const directory = mkdtempSync(join(tmpdir(), 'windrow-successor-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const bin = join(directory, 'bin');
  mkdirSync(bin);
  const fetched: string[] = [];
  const link = {
    url,
    fetchClient: async (
      _platform: string,
      _offer: object,
      target: string,
      options: { mode?: number },
    ) => {
      fetched.push(target);
      writeFileSync(target, BYTES, { mode: options.mode });
    },
  } as unknown as ServerLink;
  const clock = new ManualClock();
  const open = () =>
    new Successor({
      executable: join(bin, 'windrow'),
      platform: 'linux-x64',
      spareDirectory: join(directory, 'worker', 'bin'),
      tryVersion,
      clock,
      log,
    });
  return { directory, bin, link, clock, fetched, open };
}

test('it lies beside the running one, may be executed, and is fetched once', async (t) => {
  const { bin, link, fetched, open } = field(t);
  const successor = open();
  assert.equal(successor.isDue(OFFER), true);
  await successor.prepare(OFFER, link, FOREVER);
  assert.equal(successor.path, join(bin, NAME));
  assert.equal(statSync(successor.path!).mode & 0o777, 0o755);
  assert.equal(successor.isDue(OFFER), false);
  // Another worker of the same directory, or the same after an unlucky end.
  const next = open();
  await next.prepare(OFFER, link, FOREVER);
  assert.equal(next.path, successor.path);
  assert.equal(fetched.length, 1);
  assert.deepEqual(readdirSync(bin), [NAME]);
});

test('workers that share the directory fetch it once between them', async (t) => {
  const { link, fetched, open } = field(t);
  const all = [open(), open(), open()];
  await Promise.all(all.map((each) => each.prepare(OFFER, link, FOREVER)));
  assert.deepEqual(new Set(all.map(({ path }) => path)).size, 1);
  assert.equal(fetched.length, 1);
});

test('a file of that name and length with other content is fetched anew', async (t) => {
  const { bin, link, fetched, open } = field(t);
  writeFileSync(join(bin, NAME), 'x'.repeat(BYTES.length));
  const successor = open();
  await successor.prepare(OFFER, link, FOREVER);
  assert.notEqual(successor.path, null);
  assert.equal(fetched.length, 1);
});

test('what does not run here is not become, and is tried again after a while', async (t) => {
  let isMended = false;
  const { link, clock, open } = field(t, async () => {
    if (isMended) return '2.0.0';
    throw new Error('libatomic.so.1 is missing');
  });
  const successor = open();
  await successor.prepare(OFFER, link, FOREVER);
  assert.equal(successor.path, null);
  assert.equal(successor.isDue(OFFER), false);
  isMended = true;
  clock.advance(AGAIN_AFTER_MS + 1);
  assert.equal(successor.isDue(OFFER), true);
  await successor.prepare(OFFER, link, FOREVER);
  assert.notEqual(successor.path, null);
});

test('one that turns out to be of another version is not become: it would be replaced for ever', async (t) => {
  const { link, open } = field(t, async () => '1.0.0');
  const successor = open();
  await successor.prepare(OFFER, link, FOREVER);
  assert.equal(successor.path, null);
});

test('a newer offer replaces one that is ready', async (t) => {
  const { link, open } = field(t, async (path) => (path.includes('-3.0.0-') ? '3.0.0' : '2.0.0'));
  const successor = open();
  await successor.prepare(OFFER, link, FOREVER);
  const newer = { ...OFFER, version: '3.0.0', sha256: 'b'.repeat(64) };
  assert.equal(successor.isDue(newer), true);
  await successor.prepare(newer, link, FOREVER);
  assert.match(successor.path!, /-3\.0\.0-/);
});

test('where nothing can be written beside the running one it goes to the worker’s directory', async (t) => {
  const { directory, bin, link, open } = field(t);
  chmodSync(bin, 0o500);
  const isRoot = process.getuid?.() === 0;
  if (isRoot) rmSync(bin, { recursive: true }); // root may write anywhere that is there
  const successor = open();
  await successor.prepare(OFFER, link, FOREVER);
  assert.equal(successor.path, join(directory, 'worker', 'bin', NAME));
});

test('over plain HTTP from another machine it is not fetched, which is told once', async (t) => {
  const version = async () => '2.0.0';
  for (const url of ['http://10.0.0.1:8980', 'http://[fd00::1]:8980', 'http://127.evil.example']) {
    const { link, clock, fetched, open } = field(t, version, url);
    const successor = open();
    await successor.prepare(OFFER, link, FOREVER);
    assert.deepEqual([successor.path, fetched], [null, []], url);
    clock.advance(AGAIN_AFTER_MS + 1);
    assert.equal(successor.isDue(OFFER), false, url);
  }
  for (const url of ['https://10.0.0.1:8980', 'http://[::1]:8980', 'http://localhost:8980']) {
    const { link, open } = field(t, version, url);
    const successor = open();
    await successor.prepare(OFFER, link, FOREVER);
    assert.notEqual(successor.path, null, url);
  }
});
