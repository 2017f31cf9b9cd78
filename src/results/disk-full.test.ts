/** What happens on a disk without space: on a real one, a small tmpfs, which only root can mount. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { RecordPlace, ResultSource } from '#model';
import { collect } from './collect.ts';
import { SegmentStore } from './segment-store.ts';

const DISK_BYTES = 4 * 2 ** 20;
let disk = '';
let unmountable: string | false = false;

before(() => {
  disk = mkdtempSync(join(tmpdir(), 'windrow-full-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', disk], {
      stdio: 'pipe',
    });
  } catch (error) {
    unmountable = `no tmpfs can be mounted: ${(error as Error).message.trim()}`;
  }
});
after(() => {
  if (!unmountable) execFileSync('umount', [disk]);
  rmdirSync(disk);
});

function record(ticket: number, bytes: number) {
  const content = Buffer.alloc(bytes, 'x');
  const part = { name: 'energy', kind: 'result', file: 'stdout', cutBytes: 0, content } as const;
  return { ticket, job: 1, task: ticket, parts: [part] };
}

test('what a full disk refused is kept in memory and written when there is space again', async (t) => {
  if (unmountable) return t.skip(unmountable);
  const directory = join(disk, 'results');
  const ballast = join(disk, 'ballast');
  writeFileSync(ballast, Buffer.alloc(2 ** 20));
  let store = SegmentStore.open(directory, null);
  const places: RecordPlace[] = [];
  const full = { code: 'RESULTS_DISK_FULL' };
  const fill = async () => {
    for (;;) {
      places.push(store.append(record(places.length, 100_000)));
      await store.flush();
    }
  };
  await assert.rejects(fill(), full);
  const end = store.durableEnd;
  assert.equal(statSync(join(directory, 'results-000001.seg')).size, end.bytes);
  places.push(store.append(record(places.length, 100)));
  await assert.rejects(store.flush(), full);
  assert.ok(store.pendingBytes > 100_000);
  rmSync(ballast);
  await store.flush();
  assert.equal(store.pendingBytes, 0);
  for (const [index, place] of places.entries())
    assert.equal((await store.read(place)).ticket, index);
  const after = store.durableEnd;
  await store.close();
  store = SegmentStore.open(directory, after);
  assert.deepEqual(
    [...store.verifyAll()].filter(({ reason }) => reason !== null),
    [],
  );
  await store.close();
  rmSync(directory, { recursive: true });
});

test('a large result that does not fit is cut off and the space is free again', async (t) => {
  if (unmountable) return t.skip(unmountable);
  const directory = join(disk, 'results');
  const content = Buffer.alloc(3 * 2 ** 20, 'y');
  const spool = join(disk, 'spool');
  writeFileSync(spool, content);
  const sha256 = createHash('sha256').update(content).digest('hex');
  const facts = { name: 'field', kind: 'result', file: 'f', cutBytes: 0 } as const;
  const parts = [{ ...facts, spool: { path: spool, bytes: content.length, sha256 } }];
  const store = SegmentStore.open(directory, null);
  const large = { ticket: 1, job: 1, task: 0, parts };
  await assert.rejects(store.appendLarge(large), { code: 'RESULTS_DISK_FULL' });
  assert.equal(statSync(join(directory, 'results-000002.seg')).blocks, 0);
  const place = store.append(record(2, 500_000));
  await store.flush();
  assert.equal((await store.read(place)).ticket, 2);
  await store.close();
  rmSync(directory, { recursive: true });
  rmSync(spool);
});

test('an output disk that fills up keeps what was collected before', async (t) => {
  if (unmountable) return t.skip(unmountable);
  const segments = mkdtempSync(join(tmpdir(), 'windrow-full-segments-'));
  const store = SegmentStore.open(segments, null);
  const rows = Array.from({ length: 100 }, (_, task) => {
    return { task, ticket: task, cells: [], place: store.append(record(task, 50_000)) };
  });
  await store.flush();
  const reader = store.reader();
  writeFileSync(join(disk, 'energy'), 'before');
  writeFileSync(join(disk, 'results.sqlite'), 'before');
  const sources: ResultSource[] = [{ name: 'energy', from: { kind: 'stdout' }, required: true }];
  const plan = { sources, columns: [], keep: 'packed', rows, output: disk, random: 'a' } as const;
  const kinds = [{ kind: 'concat' }, { kind: 'table', formats: ['sqlite'] }] as const;
  for (const collection of kinds) {
    const request = {
      ...plan,
      collection,
      read: (row: (typeof rows)[number]) => reader.read(row.place),
    };
    await assert.rejects(collect(request), { code: 'COLLECT_DISK_FULL' });
    assert.deepEqual(readdirSync(disk), ['energy', 'results.sqlite']);
    assert.equal(readFileSync(join(disk, 'energy'), 'utf8'), 'before');
  }
  reader.close();
  await store.close();
  rmSync(segments, { recursive: true });
});
