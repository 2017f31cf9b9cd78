import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Journal } from './journal.ts';
import type { Operation } from './operation.ts';

function directoryOf(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'windrow-journal-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

function operationsOf(path: string): Operation[] {
  return [{ part: 'place', do: 'own', path, uid: 1, gid: 1 }];
}

const namesIn = (directory: string) => new Journal(directory).unfinished().map(({ name }) => name);

test('what was begun and has not ended is known to whoever reads the journal next, with its operations', (t) => {
  const directory = directoryOf(t);
  const journal = new Journal(directory);
  for (const name of ['a', 'b', 'c']) journal.begin(name, operationsOf(`/${name}`));
  journal.end('b');
  journal.end('never begun');
  const next = new Journal(directory);
  assert.deepEqual(next.unfinished(), [
    { name: 'a', operations: operationsOf('/a') },
    { name: 'c', operations: operationsOf('/c') },
  ]);
  next.begin('d', operationsOf('/d'));
  next.end('a');
  assert.deepEqual(namesIn(directory), ['c', 'd']);
});

test('a line that was cut off when the worker was killed says nothing, and spoils nothing', (t) => {
  const directory = directoryOf(t);
  new Journal(directory).begin('a', operationsOf('/a'));
  appendFileSync(join(directory, 'walls', 'journal'), '{"begun":"cut","opera');
  const next = new Journal(directory);
  next.begin('b', operationsOf('/b'));
  assert.deepEqual(namesIn(directory), ['a', 'b']);
});

test('a worker that never rests has a short journal all the same, and a quiet end leaves none', (t) => {
  const directory = directoryOf(t);
  const path = join(directory, 'walls', 'journal');
  const journal = new Journal(directory);
  journal.begin('long', operationsOf('/long'));
  for (let count = 0; count < 5000; count++) {
    journal.begin(`short-${count}`, operationsOf(`/${'x'.repeat(100)}`));
    journal.end(`short-${count}`);
  }
  assert.ok(statSync(path).size < 600_000, `${statSync(path).size}`);
  assert.deepEqual(namesIn(directory), ['long']);
  journal.close();
  assert.ok(existsSync(path));
  journal.end('long');
  journal.close();
  assert.equal(existsSync(path), false);
});
