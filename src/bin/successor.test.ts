import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseMoment } from '#base';
import { wordsFrom } from './successor.ts';

test('a worker that goes on as another executable has the time that was left, not all of it anew', () => {
  const left = { afterMs: 60_000.4 };
  const words = ['worker', '--until', '3 h 45 min', '--slots', '2'];
  assert.deepEqual(wordsFrom(words, left), ['worker', '--until=60001 ms', '--slots', '2']);
  const again = wordsFrom(wordsFrom(words, left), { afterMs: 5 });
  assert.deepEqual(again, ['worker', '--until=5 ms', '--slots', '2']);
  assert.deepEqual(wordsFrom(['worker', '--slots', '2'], null), ['worker', '--slots', '2']);
});

test('a time of day becomes that of the day that was meant', () => {
  const atMs = Date.UTC(2026, 2, 1, 18, 0, 0);
  const [, word] = wordsFrom(['worker', '--until=18:00'], { atMs });
  assert.equal(word, '--until=2026-03-01T18:00:00Z');
  assert.equal(parseMoment(word.slice('--until='.length), atMs + 1), atMs);
});

test('where the other executable cannot be executed, the session does not stay behind', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'windrow-become-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const own = join(dir, hostname());
  mkdirSync(own);
  const script = `
    import { becomeSuccessor } from ${JSON.stringify(new URL('./successor.ts', import.meta.url).href)};
    becomeSuccessor({
      path: '/nowhere/windrow', options: { directory: ${JSON.stringify(dir)} },
      session: 'secret', sessionTag: 'tag', until: null,
    });`;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script]);
  assert.notEqual(status, 0);
  assert.match(String(stderr), /execve/);
  assert.deepEqual(readdirSync(own), []);
});
