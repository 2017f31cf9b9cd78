import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { readBlocks } from './blocks.ts';
import { Quarantine } from './quarantine.ts';
import { SegmentStore } from './segment-store.ts';

let top = '';
let store: SegmentStore;
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'windrow-quarantine-'));
  store = SegmentStore.open(join(top, 'segments'), null);
});
afterEach(async () => {
  await store.close();
  rmSync(top, { recursive: true });
});

async function entry(task: number) {
  const part = { name: 'energy', kind: 'result', file: 'stdout', cutBytes: 0 } as const;
  const log = { ...part, name: 'stderr', kind: 'log', content: 'warned\n' } as const;
  const parts = [{ ...part, content: `bad ${task}\n` }, log];
  const place = store.append({ ticket: task + 10, job: 1, task, parts });
  await store.flush();
  const record = await store.read(place);
  return { task, ticket: task + 10, parameters: { x: `${task}` }, reason: `not ${task}`, record };
}

test('results that fail lie in one pair of files, each with its reason', async () => {
  const quarantine = new Quarantine(top, 'packed');
  const entries = await Promise.all([0, 1, 2].map(entry));
  await Promise.all(entries.map((one) => quarantine.add(one)));
  const directory = join(top, 'quarantine');
  assert.deepEqual(readdirSync(directory).sort(), ['reasons.jsonl', 'results.blocks']);
  const blocks = [...readBlocks(join(directory, 'results.blocks'))];
  assert.deepEqual(
    blocks.map(({ ticket, name }) => [ticket, name]),
    [
      [10, 'energy'],
      [11, 'energy'],
      [12, 'energy'],
    ],
  );
  const lines = readFileSync(join(directory, 'reasons.jsonl'), 'utf8').trim().split('\n');
  const first = { task: 0, ticket: 10, reason: 'not 0', parameters: { x: '0' } };
  assert.deepEqual(JSON.parse(lines[0]!), first);
  assert.equal(lines.length, 3);
});

test('keep = "files" gives each failed attempt a folder and a reason beside it', async () => {
  const quarantine = new Quarantine(top, 'files');
  await quarantine.add(await entry(3));
  // After a crash the same verdict may come once more.
  await quarantine.add(await entry(3));
  const directory = join(top, 'quarantine');
  assert.deepEqual(readdirSync(directory).sort(), ['3-13', '3-13.reason']);
  assert.equal(readFileSync(join(directory, '3-13', 'stdout'), 'utf8'), 'bad 3\n');
  assert.equal(readFileSync(join(directory, '3-13', 'logs', 'stderr'), 'utf8'), 'warned\n');
  assert.equal(readFileSync(join(directory, '3-13.reason'), 'utf8'), 'not 3\n');
});
