import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { DirectoryShelf } from './directory-shelf.ts';

test('an attempt that is begun anew keeps its directory when others take theirs', () => {
  const root = mkdtempSync(join(tmpdir(), 'windrow-shelf-'));
  try {
    const shelf = new DirectoryShelf(root);
    const first = shelf.take('a-1');
    const second = shelf.take('a-2');
    shelf.give(first, true);
    shelf.give(second, true);
    const again = shelf.take('a-1');
    const others = [shelf.take('a-3'), shelf.take('a-4')];
    for (const { path } of [again, ...others]) assert.ok(existsSync(path), path);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
