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
    const eventLog = { path: join(folder, `${format}.\${:job}.log`), format, perTask: false };
    const wish = { axes: [], eventLog };
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

test('logs of tasks are files of their own, made with their folders', async () => {
  const path = join(folder, 'of-${:job}', '${name}.log');
  const rows = [['one'], ['two']];
  const wish = {
    axes: [{ kind: 'values', columns: ['name'], rows }] as const,
    eventLog: { path, format: 'htcondor', perTask: true } as const,
  };
  const all = [entry(1, 'submitted'), entry(2, 'started')];
  const never = new AbortController().signal;
  for (let round = 0; round < 2; round++) {
    await copyEventLog(serverOf(all, null), 7, wish, never);
    for (const [task, name] of ['one', 'two'].entries()) {
      const text = readFileSync(join(folder, 'of-7', `${name}.log`), 'utf8');
      const heads = text.split('\n').filter((line) => /^\d{3} /.test(line));
      assert.deepEqual(
        heads.map((line) => line.slice(0, 17)),
        [`000 (007.00${task}.000)`, `001 (007.00${task}.000)`],
      );
    }
  }
});
