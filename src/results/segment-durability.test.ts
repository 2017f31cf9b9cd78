import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

const skip =
  spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0 ? false : 'strace cannot be used';

test('a record is on the disk, and the names that lead to it are, before it is acknowledged', {
  skip,
}, (t) => {
  const root = mkdtempSync(join(tmpdir(), 'windrow-durable-'));
  t.after(() => rmSync(root, { recursive: true }));
  const program = `
    import { writeSync } from 'node:fs';
    import { SegmentStore } from ${JSON.stringify(join(import.meta.dirname, 'segment-store.ts'))};
    const part = { name: 'n', kind: 'result', file: 'stdout', cutBytes: 0, content: 'x'.repeat(200) };
    const record = { ticket: 1, job: 1, task: 0, parts: [part] };
    const open = (job) =>
      SegmentStore.open(${JSON.stringify(join(root, 'jobs'))} + '/' + job, null, { segmentBytes: 400 });
    const small = open(1);
    for (let i = 0; i < 4; i++) {
      small.append(record);
      await small.flush();
      writeSync(1, 'acknowledged');
    }
    const large = open(2);
    for (let i = 0; i < 4; i++) {
      await large.appendLarge(record);
      writeSync(1, 'acknowledged');
    }`;
  const trace = join(root, 'trace');
  const calls = ['-f', '-y', '-e', 'trace=openat,pwrite64,write,fsync,fdatasync', '-o', trace];
  const node = [process.execPath, '--input-type=module', '-e', program];
  const { status, stderr } = spawnSync('strace', [...calls, ...node]);
  assert.equal(status, 0, stderr.toString());
  const { unsynced, created } = followed(readFileSync(trace, 'utf8'));
  assert.deepEqual(unsynced, Array(8).fill([]));
  assert.ok(created > 3, 'full segments are followed by others');
});

/** What was not on the disk at each acknowledgement, and how many segments were made. */
function followed(trace: string): { unsynced: string[][]; created: number } {
  const pending = new Set<string>();
  const seen = new Set<string>();
  const syncing = new Map<string, string>();
  const unsynced: string[][] = [];
  for (const line of trace.split('\n')) {
    const thread = line.split(' ', 1)[0]!;
    const opened = /openat\(.*"([^"]+\.seg)".*O_CREAT/.exec(line)?.[1];
    if (opened && !seen.has(opened)) {
      seen.add(opened);
      for (const path of [dirname(opened), dirname(dirname(opened))]) pending.add(path);
    }
    const written = /pwrite64\(\d+<([^>]+\.seg)>/.exec(line)?.[1];
    if (written) pending.add(written);
    const synced = /(?:fsync|fdatasync)\(\d+<([^>]+)>/.exec(line)?.[1];
    if (synced) syncing.set(thread, synced);
    if (/(?:fsync|fdatasync).* = 0$/.test(line)) pending.delete(syncing.get(thread) ?? '');
    if (line.includes('"acknowledged"')) unsynced.push([...pending]);
  }
  return { unsynced, created: seen.size };
}
