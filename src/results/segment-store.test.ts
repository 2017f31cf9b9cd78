import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import fc from 'fast-check';
import type { RecordPlace } from '#model';
import { decodeRecord, RecordBatch, type RecordInput, type SpooledPart } from './record.ts';
import type { StoredRecord } from './segment-reader.ts';
import { SegmentStore } from './segment-store.ts';

let top = '';
let directory = '';
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'windrow-segments-'));
  directory = join(top, 'results');
});
afterEach(() => rmSync(top, { recursive: true }));

function record(ticket: number, content: Buffer | string = `result ${ticket}\n`): RecordInput {
  const part = { name: 'energy', kind: 'result', file: 'stdout', cutBytes: 0, content } as const;
  return { ticket, job: 1, task: ticket - 1, parts: [part] };
}

function spool(name: string, content: Buffer): SpooledPart {
  const path = join(top, `spool-${name}`);
  writeFileSync(path, content);
  const sha256 = createHash('sha256').update(content).digest('hex');
  const facts = { name, kind: 'result', file: `${name}.dat`, cutBytes: 0 } as const;
  return { ...facts, spool: { path, bytes: content.length, sha256 } };
}

function contentsOf(stored: StoredRecord): Buffer[] {
  return stored.parts.map((part) => Buffer.concat([...part.pieces()]));
}

function problems(store: SegmentStore): string[] {
  return [...store.verifyAll()].flatMap(({ reason }) => reason ?? []);
}

test('whatever was appended and flushed is read back unchanged, also after a restart', async () => {
  const fields = {
    name: fc.string({ unit: 'grapheme' }),
    kind: fc.constantFrom('result', 'log'),
    file: fc.string({ unit: 'grapheme' }),
    cutBytes: fc.nat(),
    content: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  };
  const part = fc.record(fields, { noNullPrototype: true });
  const parts = fc.array(fc.array(part, { maxLength: 4 }), { minLength: 1, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(parts, async (records) => {
      rmSync(directory, { recursive: true, force: true });
      // Tiny segments, so that most runs rotate.
      let store = SegmentStore.open(directory, null, { segmentBytes: 700 });
      const places: RecordPlace[] = [];
      for (const [i, p] of records.entries()) {
        places.push(store.append({ ticket: i, job: 1, task: i, parts: p }));
        if (i % 3 === 0) await store.flush();
      }
      await store.flush();
      const end = store.durableEnd;
      await store.close();
      store = SegmentStore.open(directory, end, { segmentBytes: 700 });
      const reader = store.reader();
      for (const [i, place] of places.entries()) {
        for (const stored of [await store.read(place), reader.read(place)]) {
          const read = stored.parts.map(({ name, kind, file, cutBytes, bytes, read: readPart }) => {
            return { name, kind, file, cutBytes, content: readPart(bytes) };
          });
          assert.deepEqual(
            { ticket: stored.ticket, parts: read },
            { ticket: i, parts: records[i] },
          );
        }
      }
      assert.deepEqual(problems(store), []);
      reader.close();
      await store.close();
    }),
    { numRuns: 60 },
  );
});

test('a tail torn at any byte is cut at the next start and appending goes on', async () => {
  let store = SegmentStore.open(directory, null);
  const first = store.append(record(1));
  await store.flush();
  const end = store.durableEnd;
  const second = store.append(record(2));
  await store.close();
  const file = join(directory, 'results-000001.seg');
  copyFileSync(file, join(top, 'whole'));
  for (let cut = 0; cut <= second.bytes; cut++) {
    copyFileSync(join(top, 'whole'), file);
    truncateSync(file, end.bytes + cut);
    store = SegmentStore.open(directory, end);
    assert.equal(statSync(file).size, end.bytes);
    const third = store.append(record(3));
    await store.flush();
    assert.equal(third.offset, end.bytes);
    assert.equal((await store.read(first)).ticket, 1);
    assert.equal((await store.read(third)).ticket, 3);
    assert.deepEqual(problems(store), []);
    await store.close();
  }
});

test('garbage and whole segments behind the durable end vanish at the next start', async () => {
  let store = SegmentStore.open(directory, null);
  store.append(record(1));
  await store.flush();
  const end = store.durableEnd;
  await store.close();
  appendFileSync(join(directory, 'results-000001.seg'), Buffer.alloc(5000, 7));
  writeFileSync(join(directory, 'results-000003.seg'), 'never committed');
  store = SegmentStore.open(directory, end);
  assert.deepEqual(readdirSync(directory), ['results-000001.seg']);
  assert.deepEqual(problems(store), []);
  await store.close();
});

test('a missing or shortened file is refused by name at the start, never overwritten', async () => {
  const store = SegmentStore.open(directory, null, { segmentBytes: 100 });
  for (let ticket = 1; ticket <= 4; ticket++) store.append(record(ticket));
  await store.close();
  const end = store.durableEnd;
  assert.equal(end.segment, 7);
  const last = join(directory, 'results-000007.seg');
  truncateSync(last, end.bytes - 1);
  const short = { code: 'RESULTS_SEGMENT_SHORT', message: new RegExp(last) };
  assert.throws(() => SegmentStore.open(directory, end), short);
  unlinkSync(join(directory, 'results-000003.seg'));
  const missing = { code: 'RESULTS_SEGMENT_MISSING', message: /results-000003\.seg/ };
  assert.throws(() => SegmentStore.open(directory, end), missing);
  const unknown = { code: 'RESULTS_SEGMENTS_UNKNOWN' };
  assert.throws(() => SegmentStore.open(directory, null), unknown);
  assert.equal(statSync(last).size, end.bytes - 1);
});

test('one changed byte anywhere in a record is noticed, with segment and offset', async () => {
  const store = SegmentStore.open(directory, null);
  store.append(record(1));
  const place = store.append(record(2));
  store.append(record(3));
  await store.flush();
  const file = join(directory, 'results-000001.seg');
  const good = readFileSync(file);
  for (let at = place.offset; at < place.offset + place.bytes; at++) {
    const bad = Buffer.from(good);
    bad[at]! ^= 0x20;
    writeFileSync(file, bad);
    const { segment, offset } = place;
    await assert.rejects(store.read(place), (error: { code: string; facts: object }) => {
      assert.equal(error.code, 'RESULTS_RECORD_CORRUPT');
      assert.deepEqual({ ...error.facts, ...{ segment, offset } }, error.facts);
      return true;
    });
    assert.equal(problems(store).length, 1);
  }
  await store.close();
});

test('a place that is not the beginning of a record, or beyond the file, is an error', async () => {
  const store = SegmentStore.open(directory, null);
  const place = store.append(record(1));
  await store.flush();
  const wrong: RecordPlace[] = [
    { ...place, offset: 1 },
    { ...place, bytes: place.bytes - 1 },
    { ...place, bytes: place.bytes + 1 },
    { ...place, offset: 1e6 },
    { ...place, bytes: 0 },
  ];
  for (const bad of wrong)
    await assert.rejects(store.read(bad), { code: 'RESULTS_RECORD_CORRUPT' });
  const gone = { segment: 9, offset: 0, bytes: 10 };
  await assert.rejects(store.read(gone), { code: 'RESULTS_SEGMENT_MISSING' });
  await store.close();
});

test('large records are streamed in beside small ones and verified part by part', async () => {
  const store = SegmentStore.open(directory, null);
  const big = Buffer.alloc(9 * 2 ** 20, 'lattice ');
  const facts = {
    name: 'log',
    kind: 'log',
    file: 'stderr',
    cutBytes: 3,
    content: 'warn\n',
  } as const;
  const input = { ticket: 5, job: 1, task: 4, parts: [spool('field', big), facts] };
  const copied = [store.appendLarge(input), store.appendLarge({ ...input, ticket: 6 })];
  const small = store.append(record(1));
  await store.flush();
  const places = await Promise.all(copied);
  assert.deepEqual(
    places.map((place) => place.segment),
    [2, 2],
  );
  assert.equal((await store.read(small)).ticket, 1);
  for (const place of places) {
    const stored = await store.read(place);
    const [field, log] = contentsOf(stored);
    assert.equal(field!.equals(big), true);
    assert.equal(log!.toString(), 'warn\n');
    const tooLarge = { code: 'RESULTS_PART_TOO_LARGE' };
    assert.throws(() => stored.parts[0]!.read(1e6), tooLarge);
  }
  assert.deepEqual(problems(store), []);
  const file = join(directory, 'results-000002.seg');
  const damaged = readFileSync(file);
  damaged[places[1]!.offset + 5_000_000]! ^= 1;
  writeFileSync(file, damaged);
  const stored = await store.read(places[1]!);
  assert.throws(() => contentsOf(stored), { code: 'RESULTS_RECORD_CORRUPT' });
  assert.equal(problems(store).length, 1);
  await store.close();
});

test('a spool file that is not what was announced leaves nothing behind', async () => {
  const store = SegmentStore.open(directory, null);
  const good = spool('field', Buffer.alloc(100_000, 'x'));
  const announce = (change: Partial<SpooledPart['spool']>) => {
    const parts = [{ ...good, spool: { ...good.spool, ...change } }];
    return store.appendLarge({ ticket: 1, job: 1, task: 0, parts });
  };
  const changed = { code: 'RESULTS_SPOOL_CHANGED' };
  await assert.rejects(announce({ bytes: 99_999 }), changed);
  await assert.rejects(announce({ bytes: 100_001 }), changed);
  await assert.rejects(announce({ sha256: '0'.repeat(64) }), changed);
  await assert.rejects(announce({ path: join(top, 'nothing') }), changed);
  assert.equal(statSync(join(directory, 'results-000002.seg')).size, 0);
  const place = await announce({});
  assert.equal(place.offset, 0);
  await store.close();
});

test('a large copy torn at any point is cut at the next start, whole ones stay', async () => {
  let store = SegmentStore.open(directory, null);
  const parts = [spool('field', Buffer.alloc(300, 'x'))];
  const first = await store.appendLarge({ ticket: 1, job: 1, task: 0, parts });
  const second = await store.appendLarge({ ticket: 2, job: 1, task: 1, parts });
  await store.close();
  const file = join(directory, 'results-000002.seg');
  const whole = readFileSync(file);
  for (let cut = 0; cut < second.bytes; cut++) {
    // What a crash leaves: the body up to some byte, the head still zeros.
    const torn = Buffer.from(whole.subarray(0, second.offset + cut));
    writeFileSync(
      file,
      cut % 2 === 0 ? torn : torn.fill(0, second.offset, second.offset + Math.min(cut, 16)),
    );
    store = SegmentStore.open(directory, null);
    assert.equal(statSync(file).size, first.bytes);
    assert.equal((await store.read(first)).ticket, 1);
    await store.close();
  }
});

test('no descriptor stays open after close, however many segments were read', async () => {
  const before = readdirSync('/proc/self/fd').length;
  const store = SegmentStore.open(directory, null, { segmentBytes: 50 });
  const places = Array.from({ length: 30 }, (_, i) => store.append(record(i)));
  await store.flush();
  for (const place of places) await store.read(place);
  assert.ok(readdirSync('/proc/self/fd').length < before + 15);
  await store.close();
  assert.equal(readdirSync('/proc/self/fd').length, before);
});

test('the directory is private', async () => {
  mkdirSync(join(top, 'x'));
  const store = SegmentStore.open(directory, null);
  store.append(record(1));
  await store.flush();
  assert.equal(statSync(directory).mode & 0o777, 0o700);
  assert.equal(statSync(join(directory, 'results-000001.seg')).mode & 0o777, 0o600);
  return store.close();
});

test('a batch never writes to memory that it has given back', () => {
  const batch = new RecordBatch();
  const bytes = batch.add(record(1));
  const [first] = batch.take();
  const memory = batch.giveBack().fill(7);
  batch.add(record(2, 'ä€'.repeat(20)));
  const [second] = batch.take();
  assert.ok(memory.length > 0 && memory.every((byte) => byte === 7));
  assert.equal(first!.length, bytes);
  assert.equal(decodeRecord(first!).header.ticket, 1);
  assert.equal(decodeRecord(second!).contents.toString(), 'ä€'.repeat(20));
});

test('a store at rest has no file open to write to, and opens it when something comes', async () => {
  const store = SegmentStore.open(directory, null);
  const isOpen = (): boolean =>
    readdirSync('/proc/self/fd').some((fd) => pathOf(fd)?.startsWith(directory));
  const first = store.append(record(1));
  store.rest();
  await store.flush();
  assert.ok(isOpen());
  const second = store.append(record(2));
  const flushed = store.flush();
  store.rest();
  await flushed;
  store.rest();
  assert.ok(!isOpen());
  const third = store.append(record(3));
  await store.flush();
  for (const [at, place] of [first, second, third].entries()) {
    assert.equal(contentsOf(await store.read(place)).toString(), `result ${at + 1}\n`);
  }
  assert.deepEqual(problems(store), []);
  await store.close();
});

function pathOf(fd: string): string | null {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return null; // the one of the listing itself
  }
}
