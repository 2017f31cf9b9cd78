import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import fc from 'fast-check';
import { ManualClock } from '#base';
import { prune } from './store/retention.ts';
import { TraceStore } from './store/trace-store.ts';
import { traceIdAt } from './trace-id.ts';
import { faultOfName } from './trace-name.ts';

const ID = '1.000000001';
const DAY_MS = 86_400_000;

describe('the store of traces', () => {
  let directory: string;
  let clock: ManualClock;
  let store: TraceStore;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'windrow-store-'));
    clock = new ManualClock();
    const limits = { fileBytes: 1e6, idBytes: 1e6, idFiles: 100 };
    store = TraceStore.open({ directory, limits, anonymous: false, clock });
  });
  afterEach(async () => {
    await store.close();
    rmSync(directory, { recursive: true });
  });

  async function put(name: string, text: string, id = ID) {
    const path = join(store.incoming, `${name}.data`);
    writeFileSync(path, text);
    const sha256 = await store.digests.ofFile(path);
    return store.admit({ path, id, name, sha256, bytes: Buffer.byteLength(text), sender: null });
  }

  it('says which files are no longer what came', async () => {
    await put('whole', 'x');
    await put('longer', 'x');
    await put('other', 'x');
    await put('unknown', 'x');
    appendFileSync(join(directory, ID, 'longer'), 'y');
    writeFileSync(join(directory, ID, 'other'), 'z');
    rmSync(join(directory, '.about', ID, 'unknown.json'));
    const found: Record<string, boolean | null> = {};
    for (const name of ['whole', 'longer', 'other', 'unknown'])
      found[name] = await store.isWhole(ID, name);
    assert.deepEqual(found, { whole: true, longer: false, other: false, unknown: null });
  });

  it('tells which files are gone, until they come again or are removed', async () => {
    for (const name of ['here', 'gone', 'again', 'removed']) await put(name, name);
    await put('elsewhere', 'x', '2.000000002');
    // A server that was killed before this one had its place: it never came whole.
    writeFileSync(join(directory, '.about', ID, 'never.coming'), '{}');
    for (const name of ['gone', 'again', 'removed']) rmSync(join(directory, ID, name));
    rmSync(join(directory, '2.000000002'), { recursive: true });
    const gone = async (id?: string) =>
      (await Array.fromAsync(store.gone(id))).map((one) => `${one.id}/${one.name}`);
    assert.deepEqual(await gone(), [
      `${ID}/again`,
      `${ID}/gone`,
      `${ID}/removed`,
      '2.000000002/elsewhere',
    ]);
    assert.equal((await put('again', 'again')).name, 'again');
    await store.remove(ID, 'removed');
    assert.deepEqual(await gone(ID), [`${ID}/gone`]);
  });

  it('looks at an id with many files once, not once for each file that comes', async () => {
    mkdirSync(join(directory, ID));
    for (let i = 0; i < 80; i++) writeFileSync(join(directory, ID, `old${i}`), 'x');
    const real = { stat: fs.stat, readFile: fs.readFile, readdir: fs.readdir };
    let looks = 0;
    const counting = <F extends (...args: never[]) => unknown>(look: F) =>
      ((...args: Parameters<F>) => {
        looks++;
        return look(...args);
      }) as F;
    Object.assign(fs, { stat: counting(real.stat), readFile: counting(real.readFile) });
    Object.assign(fs, { readdir: counting(real.readdir) });
    syncBuiltinESMExports();
    try {
      await put('first', 'x');
      const before = looks;
      for (let i = 0; i < 15; i++) await put('name', `text ${i}`);
      const each = (looks - before) / 15;
      assert.ok(before > 80 && each < 12, `${before} looks at first, then ${each} for each file`);
    } finally {
      Object.assign(fs, real);
      syncBuiltinESMExports();
    }
    assert.equal((await put('name', 'text 14')).name, 'name.15');
    await assert.rejects(async () => {
      for (let i = 0; i < 10; i++) await put(`more${i}`, 'x');
    }, /TRACE_ID_FULL|100 files/);
    await store.remove(ID, 'name.7');
    assert.equal((await put('name', 'another')).name, 'name.7');
    // Room that somebody else made is seen.
    rmSync(join(directory, ID, 'old1'));
    await put('last', 'x');
  });

  it('completes a file whose description was left by a kill, when it comes again', async () => {
    await put('f', 'text');
    rmSync(join(directory, ID, 'f'));
    assert.equal((await put('f', 'text')).name, 'f');
    assert.equal((await put('f', 'other')).name, 'f.2');
  });

  it('gives up the oldest files by age and by space, and uploads nobody goes on with', async () => {
    for (const name of ['one', 'two', 'three', 'four']) {
      await put(name, 'x'.repeat(100));
      clock.advance(DAY_MS);
    }
    writeFileSync(join(store.incoming, 'stale.data'), 'x');
    utimesSync(join(store.incoming, 'stale.data'), 1, 1);
    const removed = await prune(store, {
      keepMs: 3.5 * DAY_MS,
      spaceBytes: 250,
      unfinishedMs: DAY_MS,
    });
    assert.deepEqual(
      removed.map(({ trace, why }) => [trace.name, why]),
      [
        ['one', 'age'],
        ['two', 'space'],
      ],
    );
    assert.deepEqual(readdirSync(join(directory, ID)), ['four', 'three']);
    assert.deepEqual(readdirSync(join(directory, '.about', ID)), ['four.json', 'three.json']);
    assert.deepEqual(readdirSync(store.incoming), []);
  });

  it('has nothing left of a trace whose last file is removed', async () => {
    await put('f', 'x');
    await store.remove(ID, 'f');
    assert.deepEqual(await store.ids(), []);
    assert.deepEqual(readdirSync(join(directory, '.about')), []);
    await assert.rejects(store.remove(ID, 'f'), { code: 'TRACE_UNKNOWN' });
  });

  it('takes no name that leads out of its directory', () => {
    const bits = fc.constantFrom(
      '.',
      '..',
      '/',
      '\\',
      '\0',
      'a',
      ' ',
      '\u202e',
      '\n',
      'CON',
      '\ud800',
    );
    fc.assert(
      fc.property(fc.array(bits, { maxLength: 6 }), (parts) => {
        const name = parts.join('');
        if (faultOfName(name) !== null) return;
        assert.equal(join('/store/id', name), `/store/id/${name}`);
        assert.ok(!/[/\\\0\n]/.test(name) && !name.startsWith('.') && name !== '');
      }),
    );
  });

  it('makes ids of seconds and nanoseconds', () => {
    assert.equal(traceIdAt(1_795_276_800_000_000_042n), '1795276800.000000042');
  });
});
