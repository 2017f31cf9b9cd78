import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { cachedDataVersionTag, setFlagsFromString } from 'node:v8';
import { CodeCache } from './code-cache.ts';
import { PartLoader } from './part-loader.ts';

const root = mkdtempSync(join(tmpdir(), 'windrow-code-'));
after(() => rmSync(root, { recursive: true, force: true }));

const LONG = `let sum = 0; ${'for (let i = 0; i < 3; i++) sum += i;\n'.repeat(40)} return sum;`;
const partsDirectory = join(root, 'parts');
mkdirSync(partsDirectory);
writeFileSync(
  join(partsDirectory, 'process.cjs'),
  `const other = require('./other.cjs'); const { basename } = require('node:path');
   exports.early = other.early; exports.name = basename(__filename); exports.directory = __dirname;
   exports.fail = () => { throw new Error('on line three'); };
   exports.long = () => { ${LONG} };`,
);
writeFileSync(
  join(partsDirectory, 'other.cjs'),
  `exports.early = 'whole'; exports.circle = () => require('./process.cjs').name;`,
);

interface Exported {
  readonly name: string;
  readonly early: string;
  readonly directory: string;
  long(): number;
  fail(): never;
}

function start(cache: CodeCache): Exported {
  return new PartLoader(partsDirectory, cache).load('process.cjs') as Exported;
}

test('a part has what require would give it, and says on which line it failed', () => {
  const loaded = start(new CodeCache(null, 'run'));
  assert.deepEqual(
    [loaded.name, loaded.early, loaded.directory],
    ['process.cjs', 'whole', partsDirectory],
  );
  assert.throws(loaded.fail, ({ stack }: Error) => /process\.cjs:3:/.test(stack ?? ''));
});

test('a part that is not there, or fails, is not taken for loaded by whoever asks for it next', (t) => {
  const parts = new PartLoader(partsDirectory, new CodeCache(null, 'run'));
  const late = join(partsDirectory, 'late.cjs');
  t.after(() => rmSync(late));
  for (let i = 0; i < 2; i++) assert.throws(() => parts.load('late.cjs'), { code: 'ENOENT' });
  writeFileSync(late, `exports.half = 1; throw new Error('not today');`);
  for (let i = 0; i < 2; i++) assert.throws(() => parts.load('late.cjs'), /not today/);
  writeFileSync(late, 'exports.whole = 1;');
  assert.deepEqual(parts.load('late.cjs'), { whole: 1 });
});

test('the next process finds the code of parts with the functions that were called', () => {
  const directory = join(root, 'called');
  const untouched = new CodeCache(directory, 'idle');
  start(untouched);
  untouched.keep();
  const first = new CodeCache(directory, 'run');
  assert.equal(first.codeOf('process.cjs'), undefined);
  start(first).long();
  first.keep();
  const second = new CodeCache(directory, 'run');
  const idle = new CodeCache(directory, 'idle');
  assert.ok(
    second.codeOf('process.cjs')!.length > idle.codeOf('process.cjs')!.length + 500,
    'what was called is in it',
  );
  assert.equal(start(second).long(), 120);
  const before = readFileSync(join(directory, 'run'));
  second.keep();
  assert.deepEqual(
    readFileSync(join(directory, 'run')),
    before,
    'it was good, and is not made again',
  );
});

test('what one use of a command does not load stays kept for the next', (t) => {
  const directory = join(root, 'uses');
  const late = join(partsDirectory, 'late.cjs');
  t.after(() => rmSync(late));
  writeFileSync(late, `exports.long = () => { ${LONG} };`);
  const load = (name: string) => {
    const cache = new CodeCache(directory, 'run');
    new PartLoader(partsDirectory, cache).load(name);
    cache.keep();
  };
  load('other.cjs');
  load('late.cjs');
  const both = new CodeCache(directory, 'run');
  assert.ok(both.codeOf('late.cjs') && both.codeOf('other.cjs'));
  const before = readFileSync(join(directory, 'run'));
  load('other.cjs');
  assert.deepEqual(readFileSync(join(directory, 'run')), before, 'all of it was there');
});

test('code that is damaged or cut off is not taken, and made anew', () => {
  const directory = join(root, 'damaged');
  const first = new CodeCache(directory, 'run');
  start(first);
  first.keep();
  const good = readFileSync(join(directory, 'run'));
  const flipped = Buffer.from(good);
  flipped[good.length - 9]! ^= 1;
  for (const bad of [flipped, good.subarray(0, good.length / 2), Buffer.alloc(64), Buffer.of(1)]) {
    writeFileSync(join(directory, 'run'), bad);
    const cache = new CodeCache(directory, 'run');
    assert.equal(cache.codeOf('process.cjs'), undefined);
    assert.equal(start(cache).long(), 120);
    cache.keep();
    assert.ok(new CodeCache(directory, 'run').codeOf('process.cjs'));
  }
});

test('code that V8 rejects is made anew', () => {
  const directory = join(root, 'rejected');
  const first = new CodeCache(directory, 'run');
  start(first);
  first.keep();
  const source = join(partsDirectory, 'other.cjs');
  const text = readFileSync(source, 'utf8');
  writeFileSync(source, `${text} // longer than what the code was made of`);
  const second = new CodeCache(directory, 'run');
  const before = second.codeOf('other.cjs')!.toString('hex');
  start(second);
  second.keep();
  assert.notEqual(new CodeCache(directory, 'run').codeOf('other.cjs')!.toString('hex'), before);
  writeFileSync(source, text);
});

test('a place that cannot be written, and one that is full of uses, are no error', () => {
  const blocked = join(root, 'blocked');
  writeFileSync(blocked, '');
  const cache = new CodeCache(join(blocked, 'inside'), 'run');
  start(cache);
  cache.keep();
  const taken = join(root, 'taken');
  mkdirSync(join(taken, 'run'), { recursive: true });
  const unlucky = new CodeCache(taken, 'run');
  start(unlucky);
  unlucky.keep();
  assert.deepEqual(readdirSync(taken), ['run'], 'nothing lies there half-written');
  const full = join(root, 'full');
  mkdirSync(full);
  for (let i = 0; i < 64; i++) writeFileSync(join(full, `use-${i}`), '');
  const late = new CodeCache(full, 'run');
  start(late);
  late.keep();
  assert.equal(readdirSync(full).length, 64);
});

test('code that was made with options set meanwhile is not kept: the next start would reject it', () => {
  const directory = join(root, 'options');
  const cache = new CodeCache(directory, 'run');
  start(cache);
  const tag = cachedDataVersionTag();
  setFlagsFromString('--heap-growing-percent=40');
  assert.notEqual(cachedDataVersionTag(), tag);
  cache.keep();
  setFlagsFromString('--heap-growing-percent=0');
  assert.equal(cachedDataVersionTag(), tag);
  assert.ok(!existsSync(directory));
});

test('the code of builds that nobody uses any more goes', () => {
  const all = join(root, 'all');
  const [old, recent] = [join(all, 'old'), join(all, 'recent')];
  for (const directory of [old, recent]) mkdirSync(directory, { recursive: true });
  chmodSync(all, 0o700);
  const monthsAgo = Date.now() / 1000 - 40 * 24 * 3600;
  utimesSync(old, monthsAgo, monthsAgo);
  const cache = new CodeCache(join(all, 'new'), 'run');
  start(cache);
  cache.keep();
  assert.deepEqual(readdirSync(all).sort(), ['new', 'recent']);
});
