import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { ApiClient, LifeEntry } from '#wire';
import { copyEventLog } from './event-log-copy.ts';

const folder = mkdtempSync(join(tmpdir(), 'windrow-event-log-'));
after(() => rmSync(folder, { recursive: true }));

const entry = (sequence: number, kind: 'submitted' | 'started' | 'removed'): LifeEntry => ({
  ...{ sequence, job: 7, atMs: 1_700_000_000_000 + sequence, kind, actor: 'ann', reason: 'why' },
  ...{ tasks: [{ first: 0, count: 2 }], host: 'w', hold: null, attempt: null },
  ...{ request: null, total: null },
});

/** Tells so many entries, then breaks off as a server does that is away. */
function serverOf(entries: readonly LifeEntry[], ender: AbortController | null): ApiClient {
  async function* tell() {
    yield* entries;
    ender?.abort();
    ender?.signal.throwIfAborted();
  }
  const call = async () => tell();
  return { call } as unknown as ApiClient;
}

for (const format of ['htcondor', 'json'] as const) {
  test(`a ${format} log that was broken off is gone on with, each event once`, async () => {
    const wish = { path: join(folder, `${format}.\${:job}.log`), format };
    const path = join(folder, `${format}.7.log`);
    const all = [entry(1, 'submitted'), entry(2, 'started'), entry(3, 'removed')];
    const ender = new AbortController();
    await copyEventLog(serverOf(all.slice(0, 2), ender), 7, wish, ender.signal);
    const broken = readFileSync(path, 'utf8');
    assert.equal(broken.split('\n').length > 4, true);
    const never = new AbortController().signal;
    await copyEventLog(serverOf(all, null), 7, wish, never);
    const whole = readFileSync(path, 'utf8');
    assert.ok(whole.startsWith(broken) && whole.length > broken.length);
    // What others have appended is left alone.
    appendFileSync(path, 'a remark\n');
    await copyEventLog(serverOf(all, null), 7, wish, never);
    assert.equal(readFileSync(path, 'utf8'), `${whole}a remark\n`);
  });
}
