import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ended, openField, until } from './testing/field.ts';

/** A small file system, unmounted at the end; null where that is not allowed. */
function smallDisk(t: { after(end: () => void): void }, size: string): string | null {
  const root = mkdtempSync(join(tmpdir(), 'windrow-disk-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'none', root]);
  t.after(() => {
    spawnSync('umount', ['-l', root]);
    rmSync(root, { recursive: true, force: true });
  });
  return mounted.status === 0 ? root : null;
}

test('with little room left nothing new is handed out, and it goes on when there is room', async (t) => {
  const root = smallDisk(t, '16m');
  if (!root) return t.skip('mounting a small file system needs root');
  const field = await openField(t, { root, diskReserveBytes: 8 << 20 });
  const worker = field.worker('a');
  writeFileSync(join(root, 'ballast'), Buffer.alloc(10 << 20));
  await until(() => field.server.core.diskLow !== null);
  const { job } = await field.submit({});
  assert.deepEqual((await worker.sync()).attempts, []);
  const { json } = await field.api('GET', `/v1/jobs/${job}`);
  assert.match(json.waiting[0].reason, /nothing is handed out: only .* are free on the disk/);
  const { json: server } = await field.api('GET', '/v1/server');
  assert.equal(server.state, 'disk-full');
  rmSync(join(root, 'ballast'));
  const { attempts } = await worker.sync([], { waitMs: 10_000 });
  assert.equal(attempts.length, 2);
});

test('on a full disk nothing is acknowledged, and nothing is lost when there is room again', async (t) => {
  const root = smallDisk(t, '16m');
  if (!root) return t.skip('mounting a small file system needs root');
  const field = await openField(t, { root });
  const { job } = await field.submit({});
  const worker = field.worker('a');
  const { attempts } = await worker.sync();
  const { bavail, bsize } = statfsSync(root);
  writeFileSync(join(root, 'ballast'), Buffer.alloc(bavail * bsize - (1 << 20)));
  const text = 'x'.repeat(1 << 19);
  const parts = [{ name: 'out', kind: 'result', file: 'stdout', cutBytes: 0, text }] as const;
  let answered = false;
  const exchange = worker.sync(attempts.map((one) => ended(one, 'ok', { parts }))).finally(() => {
    answered = true;
  });
  await until(() => field.server.core.commit.stalled !== null);
  const { json } = await field.api('GET', '/v1/server');
  assert.equal(json.state, 'disk-full');
  assert.equal(answered, false);
  rmSync(join(root, 'ballast'));
  await exchange;
  await until(() => field.server.core.commit.stalled === null);
  assert.equal(field.job(job).tasks.counts().done, 2);
  const found = await field.restart();
  assert.equal(found.job(job).tasks.counts().done, 2);
  const { json: task } = await found.api('GET', `/v1/jobs/${job}/tasks/0`);
  assert.equal(task.attemptList[0].cause, 'ok');
});

test('a server ends although the disk is full, and what was acknowledged is there afterwards', async (t) => {
  const root = smallDisk(t, '16m');
  if (!root) return t.skip('mounting a small file system needs root');
  const field = await openField(t, { root });
  const { job } = await field.submit({});
  const worker = field.worker('a');
  const [first, second] = (await worker.sync()).attempts;
  await worker.sync([ended(first!)], { freeSlots: 0 });
  const { bavail, bsize } = statfsSync(root);
  writeFileSync(join(root, 'ballast'), Buffer.alloc(bavail * bsize - (1 << 18)));
  const text = 'x'.repeat(1 << 19);
  const parts = [{ name: 'out', kind: 'result', file: 'stdout', cutBytes: 0, text }] as const;
  const refused = assert.rejects(worker.sync([ended(second!, 'ok', { parts })]));
  await until(() => field.server.core.commit.stalled !== null);
  await field.server.close();
  await refused;
  rmSync(join(root, 'ballast'));
  const found = await openField(t, { root });
  assert.equal(found.job(job).tasks.counts().done, 1);
  assert.equal(found.job(job).tasks.counts().running, 1);
});
