import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { appendFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { directoryFor } from '../testing/store.ts';
import { Hasher } from './hasher.ts';

const digestOf = (algorithm: string, ...blocks: Buffer[]) =>
  blocks.reduce((hash, block) => hash.update(block), createHash(algorithm)).digest('hex');

test('digests follow files that grow, several at a time, and tell of any length on the way', async (t) => {
  const hasher = new Hasher();
  t.after(() => hasher.close());
  const files = [1, 2, 3].map((at) => join(directoryFor(t), `file${at}`));
  await Promise.all(
    files.map(async (path) => {
      const blocks = Array.from({ length: 5 }, () => randomBytes(700_000));
      const following = hasher.follow(path, true);
      for (const [at, block] of blocks.entries()) {
        appendFileSync(path, block);
        await following.written((at + 1) * 700_000);
        if (at !== 2) continue;
        const so = digestOf('sha256', ...blocks.slice(0, 3));
        assert.equal(await following.sha256Of(2_100_000), so);
      }
      assert.deepEqual(await following.digests(3_500_000), {
        sha256: digestOf('sha256', ...blocks),
        md5: digestOf('md5', ...blocks),
      });
    }),
  );
});

test('a file that is shorter than it was said to be has no digest, and spoils none of others', async (t) => {
  const hasher = new Hasher();
  t.after(() => hasher.close());
  const [path, other] = [join(directoryFor(t), 'short'), join(directoryFor(t), 'other')];
  writeFileSync(path, randomBytes(1000));
  truncateSync(path, 500);
  writeFileSync(other, 'abc');
  const [short, right] = await Promise.allSettled([
    hasher.follow(path).digests(1000),
    hasher.md5Of(other, 3),
  ]);
  assert.match(String(short.status === 'rejected' && short.reason), /ends at 500 of 1000 bytes/);
  assert.equal(right.status === 'fulfilled' && right.value, digestOf('md5', Buffer.from('abc')));
  const gone = hasher.follow(join(directoryFor(t), 'none')).digests(1);
  await assert.rejects(gone, { code: 'ENOENT' });
});

test('digests that nobody waits out say that the store was closed', async (t) => {
  const hasher = new Hasher();
  const path = join(directoryFor(t), 'file');
  writeFileSync(path, '');
  truncateSync(path, 1 << 30);
  const asked = assert.rejects(hasher.follow(path).digests(1 << 30), { code: 'DATA_CLOSED' });
  await hasher.close();
  await asked;
});

test('a process waits for digests, also for room to go on, and ends when nobody does', (t) => {
  const path = join(directoryFor(t), 'file');
  writeFileSync(path, '');
  truncateSync(path, 80 << 20); // more than may be behind
  const script = `import { Hasher } from ${JSON.stringify(new URL('./hasher.ts', import.meta.url))};
    const following = new Hasher().follow(process.argv[1]);
    await following.written(80 << 20);
    console.log((await following.digests(80 << 20)).sha256.length);`;
  const argv = ['--input-type=module', '-e', script, path];
  assert.equal(String(execFileSync(process.execPath, argv)), '64\n');
});
