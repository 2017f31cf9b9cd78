import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { type GatherRequest, gather } from './gather.ts';

let top = '';
let directory = '';

beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'windrow-gather-'));
  directory = join(top, 'scratch');
  mkdirSync(directory);
  writeFileSync(join(top, 'secret'), 'secret');
});
afterEach(() => rmSync(top, { recursive: true }));

function write(path: string, content: string): void {
  mkdirSync(dirname(join(directory, path)), { recursive: true });
  writeFileSync(join(directory, path), content);
}

function run(from: GatherRequest['sources'][number]['from'], change: Partial<GatherRequest> = {}) {
  const sources = [{ name: 'field', required: true, from }];
  return gather({ directory, sources, limitBytes: 1e6, inlineBytes: 1e5, ...change });
}
const file = (path: string, change?: Partial<GatherRequest>) => run({ kind: 'file', path }, change);
const glob = (pattern: string, change?: Partial<GatherRequest>) =>
  run({ kind: 'glob', pattern }, change);

function contents(gathered: ReturnType<typeof gather>): Record<string, string> {
  assert.equal(gathered.kind, 'gathered');
  const entries = gathered.parts.map(({ file: path, content }) => {
    assert.equal(content.kind, 'memory');
    return [path, content.bytes.toString()] as const;
  });
  return Object.fromEntries(entries);
}

function refused(gathered: ReturnType<typeof gather>, reason: RegExp): void {
  assert.equal(gathered.kind, 'missing');
  assert.match(gathered.reason, reason);
  assert.doesNotMatch(gathered.reason, /windrow-gather/);
}

test('a file that the program wrote is its result, in any folder of its directory', () => {
  write('a/b/out.dat', '42');
  assert.deepEqual(contents(file('a/b/out.dat')), { 'a/b/out.dat': '42' });
});

test('a glob brings its files in byte order with their paths', () => {
  for (const name of ['b.dat', 'a.dat', 'deep/er/c.dat', 'x.txt']) write(name, name);
  assert.deepEqual(Object.keys(contents(glob('*.dat'))), ['a.dat', 'b.dat']);
  assert.deepEqual(Object.keys(contents(glob('**/*.dat'))), ['a.dat', 'b.dat', 'deep/er/c.dat']);
  assert.deepEqual(Object.keys(contents(glob('deep/*/c.dat'))), ['deep/er/c.dat']);
  assert.deepEqual(Object.keys(contents(glob('{b,x}.*'))), ['b.dat', 'x.txt']);
});

test('a missing or empty required result says which file; one that is not required is left out', () => {
  write('empty', '');
  refused(file('no.dat'), /"field" is missing: .* no\.dat/);
  refused(file('empty/no.dat'), /"field" is missing/);
  refused(file('empty'), /"field" is empty: empty/);
  refused(glob('*.none'), /no file matches \*\.none/);
  refused(glob('empt*'), /is empty/);
  const sources = [
    { name: 'a', required: false, from: { kind: 'file', path: 'no' } },
    { name: 'b', required: false, from: { kind: 'glob', pattern: 'no*' } },
  ] as const;
  assert.deepEqual(file('', { sources }), { kind: 'gathered', parts: [] });
});

test('nothing outside the directory is ever read', () => {
  symlinkSync('../secret', join(directory, 'link'));
  symlinkSync('..', join(directory, 'up'));
  symlinkSync(top, join(directory, 'absolute'));
  mkdirSync(join(directory, 'sub'));
  symlinkSync('../../secret', join(directory, 'sub', 'link'));
  for (const path of ['link', 'up/secret', 'absolute/secret', 'sub/link', 'up/scratch/link']) {
    refused(file(path), /leads out of the attempt's directory/);
  }
  for (const path of ['../secret', '/etc/passwd', 'sub/../../secret', '.', '']) {
    refused(file(path), /leads out of the attempt's directory/);
  }
  refused(glob('li*'), /leads out/);
  refused(glob('up/*'), /no file matches/);
  refused(glob('**/secret'), /no file matches/);
  refused(glob('../*'), /leads out/);
  refused(glob('/etc/pass*'), /leads out/);
});

test('a link to a file inside the directory is followed', () => {
  write('runs/3.dat', 'three');
  symlinkSync('runs/3.dat', join(directory, 'latest'));
  symlinkSync('runs', join(directory, 'again'));
  assert.deepEqual(contents(file('latest')), { latest: 'three' });
  assert.deepEqual(contents(file('again/3.dat')), { 'again/3.dat': 'three' });
});

test('links in a circle, folders, pipes and devices are refused at once', () => {
  symlinkSync('b', join(directory, 'a'));
  symlinkSync('a', join(directory, 'b'));
  execFileSync('mkfifo', [join(directory, 'pipe')]);
  symlinkSync('/dev/zero', join(directory, 'zero'));
  refused(file('a'), /cannot be read \(ELOOP\)/);
  refused(file('pipe'), /is a named pipe, not a file/);
  refused(glob('pip*'), /is a named pipe/);
  refused(file('zero'), /leads out/);
  mkdirSync(join(directory, 'folder'));
  refused(file('folder'), /is a directory, not a file/);
});

test('hostile names come back as they are, and a name that is no text is refused', () => {
  const names = ['-rf', ' x ', 'new\nline', '$(id)', '"q"', "it's", 'ü', '{}'];
  for (const name of names) write(name, name);
  const found = contents(glob('*'));
  for (const name of names) assert.equal(found[name], name);
  for (const name of names) assert.deepEqual(contents(file(name)), { [name]: name });
  writeFileSync(Buffer.concat([Buffer.from(`${directory}/`), Buffer.from([0xff, 0xfe])]), 'x');
  refused(glob('*'), /not valid UTF-8/);
});

test('results beyond the size limit of an attempt are refused, naming file and limit', () => {
  write('a', 'x'.repeat(60));
  write('b', 'x'.repeat(60));
  refused(glob('*', { limitBytes: 100 }), /too large: with b \(60 bytes\) .* exceed 100 bytes/);
});

test('a large result is opened when it is needed, and refused when it was exchanged since', () => {
  write('big', 'x'.repeat(200_000));
  const gathered = file('big');
  assert.equal(gathered.kind, 'gathered');
  const { content, bytes } = gathered.parts[0]!;
  assert.equal(bytes, 200_000);
  assert.equal(content.kind, 'file');
  const descriptor = content.open();
  assert.equal(readFileSync(descriptor).length, 200_000);
  closeSync(descriptor);
  rmSync(join(directory, 'big'));
  symlinkSync('../secret', join(directory, 'big'));
  assert.throws(() => content.open(), /leads out/);
  rmSync(join(directory, 'big'));
  write('big', 'y'.repeat(200_000));
  assert.throws(() => content.open(), /changed after the program's end/);
});

test('more files than a glob may bring are refused, and no descriptor stays open', () => {
  for (let i = 0; i <= 10_000; i++) writeFileSync(join(directory, `${i}.n`), '');
  const before = readdirSync('/proc/self/fd').length;
  refused(glob('*.n'), /more than 10000 files match/);
  refused(file('1.n/x/y'), /missing/);
  assert.equal(readdirSync('/proc/self/fd').length, before);
});
