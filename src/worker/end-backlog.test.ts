import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { usageOf } from '#model';
import type { EndedAttempt } from '#wire';
import { EndBacklog } from './end-backlog.ts';

function spool(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'windrow-backlog-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

function endOf(ticket: number, text = ''): EndedAttempt {
  return {
    inputs: [],
    ticket,
    cause: 'ok',
    exitCode: 0,
    signal: null,
    reason: '',
    startedAtMs: 1,
    endedAtMs: 2,
    walls: null,
    usage: usageOf(1),
    parts: [{ name: 'out', kind: 'result', file: 'stdout', cutBytes: 0, text }],
    lastErrorLine: '',
    remarks: [],
    ruling: null,
  };
}

test('ends stay, in their order, until they are confirmed', (t) => {
  const backlog = new EndBacklog(spool(t));
  for (const ticket of [3, 1, 2]) backlog.add(endOf(ticket));
  const first = backlog.next();
  assert.deepEqual(
    first.map(({ ticket }) => ticket),
    [3, 1, 2],
  );
  assert.deepEqual(backlog.next(), first);
  backlog.confirm(first.slice(0, 2));
  assert.deepEqual([...backlog.tickets()], [2]);
});

test('what does not fit in memory waits in files and comes back unchanged', (t) => {
  const dir = spool(t);
  const backlog = new EndBacklog(dir, 5000);
  const ends = Array.from({ length: 20 }, (_, index) => endOf(index + 1, 'é\0'.repeat(200)));
  for (const end of ends) backlog.add(end);
  assert.ok(readdirSync(dir).length >= 15);
  assert.deepEqual(backlog.next(), ends);
  backlog.confirm(ends);
  assert.equal(backlog.size, 0);
  assert.deepEqual(readdirSync(dir), []);
});

test('one sync carries a bounded part of a long backlog', (t) => {
  const backlog = new EndBacklog(spool(t), 1e9);
  for (let ticket = 1; ticket <= 200; ticket++) backlog.add(endOf(ticket, 'x'.repeat(60_000)));
  const carried = backlog.next();
  assert.ok(carried.length > 10 && carried.length < 60, `${carried.length}`);
});

test('without room on disk ends are kept in memory', (t) => {
  const backlog = new EndBacklog(join(spool(t), 'no-such-directory'), 10);
  backlog.add(endOf(1));
  assert.deepEqual(backlog.next(), [endOf(1)]);
});

test('a disposed backlog leaves no files', (t) => {
  const dir = spool(t);
  const backlog = new EndBacklog(dir, 10);
  backlog.add(endOf(1));
  assert.equal(readdirSync(dir).length, 1);
  backlog.dispose();
  assert.deepEqual(readdirSync(dir), []);
});
