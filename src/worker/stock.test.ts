import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  linkSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Stock } from './stock.ts';
import { storeIn } from './testing/field.ts';

const NEVER = new AbortController().signal;
const CONTENT = Buffer.from('the program');
const BLOB = {
  sha256: createHash('sha256').update(CONTENT).digest('hex'),
  bytes: CONTENT.length,
  executable: true,
};

/** A stock whose server counts what it is asked for. */
async function stockIn(dir: string, tag = '0badcafe') {
  const asked: number[] = [];
  const datastore = await storeIn(join(dir, 'data'), {
    open: async (_sha256, fromByte) => {
      asked.push(fromByte);
      const body = (async function* () {
        yield CONTENT.subarray(fromByte);
      })();
      return { totalBytes: CONTENT.length, fromByte, body };
    },
  });
  const stock = new Stock({
    ...{ datastore, marks: join(dir, 'brought'), hasPeers: false },
    sessionTag: () => tag,
  });
  return { stock, asked };
}

function directory(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'windrow-stock-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

test('many attempts at once fetch a file once, and a later worker of the directory not at all', async (t) => {
  const dir = directory(t);
  const { stock, asked } = await stockIn(dir);
  const ways = await Promise.all(Array.from({ length: 20 }, () => stock.ensure(BLOB, NEVER)));
  assert.deepEqual(asked, [0]);
  assert.deepEqual(
    ways
      .map(({ how }) => how)
      .sort()
      .slice(0, 2),
    ['fetched', 'joined'],
  );
  const taken = stock.take(BLOB.sha256);
  assert.deepEqual(readFileSync(taken.path), CONTENT);
  assert.equal(statSync(taken.path).mode & 0o777, 0o555);
  assert.equal(taken.via, 'server');
  taken.give();
  await stock.close();
  const next = await stockIn(dir);
  assert.equal((await next.stock.ensure(BLOB, NEVER)).how, 'hit');
  assert.equal(await next.stock.look(BLOB.sha256), true);
  assert.equal(await next.stock.look('0'.repeat(64)), false);
  assert.deepEqual(next.asked, []);
  await next.stock.close();
});

test('a file that was written to through another name is told of, and fetched again', async (t) => {
  const dir = directory(t);
  const { stock, asked } = await stockIn(dir);
  await stock.ensure(BLOB, NEVER);
  const taken = stock.take(BLOB.sha256);
  const elsewhere = join(dir, 'elsewhere');
  linkSync(taken.path, elsewhere);
  assert.equal(taken.isWhole(), true);
  chmodSync(elsewhere, 0o755);
  writeFileSync(elsewhere, 'spoilt');
  assert.equal(taken.isWhole(), false);
  assert.equal(stock.isReady(BLOB.sha256), false);
  assert.match(stock.troubles()[0]!, /was changed on this machine/);
  while (!stock.isReady(BLOB.sha256)) await stock.ensure(BLOB, NEVER);
  assert.deepEqual(readFileSync(stock.take(BLOB.sha256).path), CONTENT);
  assert.deepEqual(asked, [0, 0]);
  assert.equal(taken.isWhole(), false, 'what the attempt has is still the old one');
  await stock.close();
});

test('a session removes what it brought, and nothing that another did', async (t) => {
  const dir = directory(t);
  const first = await stockIn(dir, '11111111');
  await first.stock.ensure(BLOB, NEVER);
  await first.stock.close();
  const other = await stockIn(dir, '22222222');
  await other.stock.ensure(BLOB, NEVER);
  await other.stock.removeBrought([BLOB.sha256]);
  assert.equal(await other.stock.look(BLOB.sha256), true);
  await other.stock.close();
  const again = await stockIn(dir, '11111111');
  await again.stock.removeBrought([BLOB.sha256]);
  assert.equal(await again.stock.look(BLOB.sha256), false);
  await again.stock.close();
});
