import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Contents, unpack } from './unpack.ts';

const FILES: Readonly<Record<string, string>> = {
  'windrow.cjs': 'console.log(1)',
  'questions/jobs.sql': 'SELECT 1',
  launcher: '#!/bin/sh\n',
};
const NOW_MS = Date.now();
const NOW = { nowMs: NOW_MS, bootId: 'this' };
const DAY_MS = 24 * 3_600_000;

const read = (path: string) => Buffer.from(FILES[path]!);

const contents: Contents = {
  id: 'a-build',
  files: Object.entries(FILES).map(([path, text]) => ({
    path,
    bytes: text.length,
    sha256: createHash('sha256').update(text).digest('hex'),
    mode: path === 'launcher' ? 0o700 : 0o600,
  })),
};

function place(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'windrow-unpack-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

test('files lie where they belong, for their user alone', (t) => {
  const root = join(place(t), 'cache', 'parts');
  const directory = unpack(contents, read, [root], NOW);
  assert.equal(directory, join(root, 'a-build'));
  for (const [path, text] of Object.entries(FILES)) {
    assert.equal(readFileSync(join(directory, path), 'utf8'), text);
  }
  assert.equal(statSync(join(directory, 'launcher')).mode & 0o777, 0o700);
  assert.equal(statSync(join(directory, 'windrow.cjs')).mode & 0o777, 0o600);
  assert.equal(statSync(root).mode & 0o777, 0o700);
  assert.deepEqual(readdirSync(root), ['a-build']);
});

test('a directory that others can write to, or a link to one, is passed over', (t) => {
  const directory = place(t);
  const open = join(directory, 'open');
  mkdirSync(open);
  chmodSync(open, 0o777);
  symlinkSync(place(t), join(directory, 'link'));
  const roots = ['open', 'link', 'own'].map((name) => join(directory, name));
  assert.equal(unpack(contents, read, roots, NOW), join(directory, 'own', 'a-build'));
  assert.deepEqual(readdirSync(open), []);
  assert.throws(() => unpack(contents, read, [open], NOW), { code: 'EXECUTABLE_NO_PLACE' });
});

test('what a cleaner took away, or a full disk cut, is put there again', (t) => {
  const root = place(t);
  chmodSync(root, 0o700);
  const directory = unpack(contents, read, [root], NOW);
  rmSync(join(directory, 'questions'), { recursive: true });
  writeFileSync(join(directory, 'windrow.cjs'), '');
  unpack(contents, read, [root], NOW);
  assert.equal(readFileSync(join(directory, 'questions/jobs.sql'), 'utf8'), 'SELECT 1');
  assert.equal(readFileSync(join(directory, 'windrow.cjs'), 'utf8'), 'console.log(1)');
  assert.deepEqual(readdirSync(root), ['a-build']);
});

test('what a crash lost is put there again, though sizes are right', (t) => {
  const root = place(t);
  const directory = unpack(contents, read, [root], NOW);
  const file = join(directory, 'windrow.cjs');
  const lose = () => writeFileSync(file, '\0'.repeat(FILES['windrow.cjs']!.length));
  const text = () => readFileSync(file, 'utf8');
  lose();
  unpack(contents, read, [root], { ...NOW, bootId: 'another' });
  assert.equal(text(), 'console.log(1)');
  // Who finds all as it was after a start of the machine says so, and nobody has to look again.
  const later = (bootId: string, nowMs = NOW_MS + 3_600_000) =>
    unpack(contents, read, [root], { nowMs, bootId });
  const standing = () => readFileSync(join(directory, '.standing'), 'utf8');
  // But not as long as the files may be in memory alone: a container starts anew without the machine.
  later('of a container', NOW_MS + 60_000);
  assert.equal(standing(), 'another');
  later('a third');
  assert.equal(standing(), 'settled');
  // Of what is not said, whatever became of it, nothing is believed.
  for (const said of ['', 'sett', null]) {
    if (said === null) rmSync(join(directory, '.standing'));
    else writeFileSync(join(directory, '.standing'), said);
    lose();
    later('a fourth');
    assert.equal(text(), 'console.log(1)', `standing: ${said}`);
  }
  assert.deepEqual(readdirSync(root), ['a-build']);
});

test('where starts of the machine cannot be told apart, every start looks', (t) => {
  const root = place(t);
  const unknown = { ...NOW, bootId: '' };
  const file = join(unpack(contents, read, [root], unknown), 'windrow.cjs');
  unpack(contents, read, [root], unknown);
  writeFileSync(file, '\0'.repeat(FILES['windrow.cjs']!.length));
  unpack(contents, read, [root], unknown);
  assert.equal(readFileSync(file, 'utf8'), 'console.log(1)');
});

test('what cannot be read is put there again', (t) => {
  const root = place(t);
  const name = 'windrow.cjs';
  // A directory is as large as a file here, and cannot be read as one.
  mkdirSync(join(root, 'sized'));
  const text = 'x'.repeat(statSync(join(root, 'sized')).size);
  rmSync(join(root, 'sized'), { recursive: true });
  const sha256 = createHash('sha256').update(text).digest('hex');
  const one = { id: 'a-build', files: [{ path: name, bytes: text.length, mode: 0o600, sha256 }] };
  const start = (bootId: string) =>
    unpack(one, () => Buffer.from(text), [root], { ...NOW, bootId });
  const file = join(start('this'), name);
  rmSync(file);
  mkdirSync(file);
  start('another');
  assert.equal(readFileSync(file, 'utf8'), text);
});

test('what is not what was built is not unpacked', (t) => {
  const root = place(t);
  const damaged = (path: string) => Buffer.from(FILES[path]!.toUpperCase());
  assert.throws(() => unpack(contents, damaged, [root], NOW), { code: 'EXECUTABLE_DAMAGED' });
  assert.deepEqual(readdirSync(root), []);
});

test('builds that nobody starts any more go, those in use stay', (t) => {
  const root = place(t);
  for (const [name, days] of [
    ['old', 91],
    ['used', 89],
  ] as const) {
    mkdirSync(join(root, name));
    const seconds = (NOW_MS - days * DAY_MS) / 1000;
    utimesSync(join(root, name), seconds, seconds);
  }
  unpack(contents, read, [root], NOW);
  assert.deepEqual(readdirSync(root).sort(), ['a-build', 'used']);
  unpack(contents, read, [root], { ...NOW, nowMs: NOW_MS + 60 * DAY_MS });
  const { mtimeMs } = statSync(join(root, 'a-build'));
  assert.ok(Math.abs(mtimeMs - NOW_MS - 60 * DAY_MS) < 1000);
});

const RACER = `
  import { unpack } from ${JSON.stringify(import.meta.resolve('./unpack.ts'))};
  const [contents, files, roots] = JSON.parse(process.argv[2]);
  const read = (path) => Buffer.from(files[path]);
  process.once('message', () => {
    for (const root of roots) unpack(contents, read, [root], { nowMs: Date.now(), bootId: 'this' });
    process.disconnect();
  });
  process.send('ready');
`;

test('processes that start at the same time do not disturb each other, also where a crash damaged all', async (t) => {
  const directory = place(t);
  const script = join(directory, 'racer.mjs');
  writeFileSync(script, RACER);
  const roots = Array.from({ length: 30 }, (_, at) => join(directory, `parts-${at}`));
  for (const root of roots.slice(1)) {
    const damaged = unpack(contents, read, [root], { ...NOW, bootId: 'another' });
    writeFileSync(join(damaged, 'windrow.cjs'), '\0'.repeat(FILES['windrow.cjs']!.length));
  }
  const given = JSON.stringify([contents, FILES, roots]);
  const racers = Array.from({ length: 6 }, () => fork(script, [given]));
  await Promise.all(racers.map((racer) => once(racer, 'message')));
  const ended = racers.map((racer) => once(racer, 'exit'));
  for (const racer of racers) racer.send('go');
  assert.deepEqual(
    (await Promise.all(ended)).map(([code]) => code),
    racers.map(() => 0),
  );
  for (const root of roots) {
    assert.deepEqual(readdirSync(root), ['a-build']);
    assert.equal(readFileSync(join(root, 'a-build', 'windrow.cjs'), 'utf8'), 'console.log(1)');
  }
});
