import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import type { ResultSource } from '#model';
import { type LogMatch, type LogSearch, searchLogs } from './log-search.ts';
import type { InlinePart } from './record.ts';
import type { StoredRecord } from './segment-reader.ts';
import { SegmentStore } from './segment-store.ts';

let top = '';
let store: SegmentStore;
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'windrow-logs-'));
  store = SegmentStore.open(join(top, 'segments'), null);
});
afterEach(async () => {
  await store.close();
  rmSync(top, { recursive: true });
});

const SOURCES: ResultSource[] = [
  { name: 'energy', from: { kind: 'stdout' }, required: true },
  { name: 'field', from: { kind: 'file', path: 'f' }, required: true },
];

async function recordOf(...parts: InlinePart[]): Promise<StoredRecord> {
  const place = store.append({ ticket: 7, job: 1, task: 3, parts });
  await store.flush();
  return store.read(place);
}

function part(name: string, kind: 'log' | 'result', content: Buffer | string, cutBytes = 0) {
  return { name, kind, file: name, content, cutBytes };
}

async function search(
  records: readonly StoredRecord[],
  pattern: string,
  change: Partial<LogSearch> = {},
): Promise<LogMatch[]> {
  const found: LogMatch[] = [];
  const options = { pattern, ignoreCase: false, limit: 1000, sources: SOURCES, ...change };
  for await (const match of searchLogs(records, options)) found.push(match);
  return found;
}

test('lines of logs, and of results that were printed, are found with task, stream and number', async () => {
  const record = await recordOf(
    part('energy', 'result', 'step 1\r\nstep 2'),
    part('field', 'result', 'step 3\n'),
    part('stderr', 'log', '\nwarning: step 4\n'),
  );
  const facts = { task: 3, ticket: 7 };
  assert.deepEqual(await search([record], 'step \\d$'), [
    { ...facts, stream: 'stdout', lineNumber: 1, line: 'step 1' },
    { ...facts, stream: 'stdout', lineNumber: 2, line: 'step 2' },
    { ...facts, stream: 'stderr', lineNumber: 2, line: 'warning: step 4' },
  ]);
  assert.equal((await search([record], 'STEP', { ignoreCase: true })).length, 3);
  assert.equal((await search([record], 'STEP')).length, 0);
  assert.equal((await search([record], 'step', { limit: 2 })).length, 2);
  assert.equal((await search([record], '')).length, 4);
});

test('line numbers are those of the log as it is shown, with the mark of its cut', async () => {
  const record = await recordOf(part('stderr', 'log', 'a\nb\ny\nz\n', 50));
  const lines = (await search([record], '.')).map(({ lineNumber, line }) => [lineNumber, line]);
  assert.deepEqual(lines, [
    [1, 'a'],
    [2, 'b'],
    [4, '[… 50 bytes cut …]'],
    [5, 'y'],
    [6, 'z'],
  ]);
});

test('a pattern that would take a backtracking engine for ever takes no time', async () => {
  const record = await recordOf(part('stderr', 'log', `${'a'.repeat(50_000)}!\n`));
  const started = performance.now();
  assert.equal((await search([record], '^(a+)+$')).length, 0);
  assert.ok(performance.now() - started < 60_000);
});

test('a pattern that is none is refused with the reason', async () => {
  const record = await recordOf(part('stderr', 'log', 'x\n'));
  for (const pattern of ['(', '[a', 'a**', '(?=x)', '\\1', 'x{1,100000}', 'x'.repeat(1001)]) {
    await assert.rejects(search([record], pattern), { code: 'LOGS_PATTERN_INVALID' }, pattern);
  }
});

test('a line without end is searched in its beginning, in bounded memory', async () => {
  const record = await recordOf(part('stderr', 'log', Buffer.alloc(6 * 2 ** 20, 'x')));
  const [match] = await search([record], 'x');
  assert.equal(match!.line.length, 64 * 1024);
});
