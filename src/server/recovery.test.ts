import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ManualClock } from '#base';
import { ended, openField, SESSION, TOKEN, untilOver } from './testing/field.ts';

const ONE_ROW = [{ kind: 'values', columns: ['i'], rows: [['1']] }] as const;
const COMPLETION = '[Result]\nName=out\nLength=2\n--begin content--\n1\n\n--end content--\n';

async function takeTask(url: string): Promise<string> {
  const text = await (await fetch(`${url}/task?sessionID=${SESSION}&worker=pc`)).text();
  return /^Ticket=(\d+)$/m.exec(text)![1]!;
}

async function complete(url: string, ticket: string): Promise<string> {
  const address = `${url}/complete?sessionID=${SESSION}&ticket=${ticket}`;
  return (await fetch(address, { method: 'POST', body: COMPLETION })).text();
}

test('a task that was to wait before it is tried again still waits after a restart', async (t) => {
  const clock = new ManualClock();
  let field = await openField(t, { clock });
  const { job } = await field.submit({ axes: ONE_ROW });
  const [attempt] = (await field.worker('a').sync()).attempts;
  await field.worker('a').sync([ended(attempt!, 'stage-in')], { freeSlots: 0 });
  field = await field.restart();
  assert.equal(field.job(job).tasks.delayed, 1);
  const worker = field.worker('b');
  assert.deepEqual((await worker.sync()).attempts, []);
  clock.advance(60_000);
  assert.equal((await worker.sync()).attempts.length, 1);
});

test('a client of the open protocol keeps its time of silence over a restart', async (t) => {
  const clock = new ManualClock();
  let field = await openField(t, { clock, leaseMs: 1000 });
  const { job } = await field.submit({ axes: ONE_ROW });
  const ticket = await takeTask(field.url);
  field = await field.restart();
  const [client] = field.server.core.workers.values();
  assert.equal(client!.leaseMs, 60_000);
  assert.equal((await complete(field.url, ticket)).trim(), 'taken');
  assert.equal(field.job(job).state, 'done');
});

test('the late result of an open client that was taken for lost is taken while it is wanted', async (t) => {
  const clock = new ManualClock();
  const field = await openField(t, { clock, leaseMs: 1000 });
  const { job } = await field.submit({ axes: ONE_ROW });
  const ticket = await takeTask(field.url);
  clock.advance(61_000);
  await untilOver(clock, () => field.job(job).tasks.counts().running === 0);
  assert.equal((await complete(field.url, ticket)).trim(), 'taken');
  assert.equal((await complete(field.url, ticket)).trim(), 'duplicate');
  assert.equal(field.job(job).state, 'done');
  const { json } = await field.api('GET', `/v1/jobs/${job}/tasks/0`);
  const [only] = json.attemptList;
  assert.deepEqual([json.attemptList.length, only.cause, only.worker], [1, 'ok', 'pc']);
  assert.equal(field.server.core.workers.size, 0);
});

test('an uploaded result is kept once: its upload is gone when its end is acknowledged', async (t) => {
  const field = await openField(t);
  await field.submit({ axes: ONE_ROW });
  const worker = field.worker('a');
  const [attempt] = (await worker.sync()).attempts;
  const content = Buffer.alloc(100_000, 'x');
  const sent = await fetch(`${field.url}/parts/${attempt!.ticket}/0`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${SESSION}`, 'content-type': 'application/octet-stream' },
    body: content,
  });
  assert.equal(sent.status, 204);
  const sha256 = createHash('sha256').update(content).digest('hex');
  const head = { name: 'out', kind: 'result', file: 'stdout', cutBytes: 0 } as const;
  const parts = [{ ...head, uploaded: 0, bytes: content.length, sha256 }];
  await worker.sync([ended(attempt!, 'ok', { parts })]);
  assert.deepEqual(readdirSync(join(field.root, 'state', 'spool')), []);
});

test('a job whose table is gone is paused and says so; all others go on, and so does it with its table', async (t) => {
  let field = await openField(t);
  const put = await fetch(`${field.url}/v1/tables?format=csv&file=grid.csv`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/octet-stream' },
    body: 'i\n1\n2\n3\n',
  });
  const { table } = (await put.json()) as { table: string };
  const axes = [{ kind: 'file', table }] as const;
  const { job } = await field.submit({ name: 'without', axes, output: join(field.root, 'out') });
  const first = field.worker('a', 1);
  const [attempt] = (await first.sync()).attempts;
  await first.sync([ended(attempt!)], { freeSlots: 0 });
  const other = await field.submit({ name: 'other', axes: ONE_ROW });
  const path = join(field.root, 'state', 'tables', table);
  const bytes = readFileSync(path);
  rmSync(path);
  field = await field.restart();
  const { json } = await field.api('GET', `/v1/jobs/${job}`);
  assert.equal(json.state, 'paused');
  assert.match(json.reason, /its parameter table cannot be read/);
  assert.equal(await field.worker('b').workOff(), 1);
  assert.equal(field.job(other.job).state, 'done');
  for (const part of ['tasks', 'tasks/2', 'results', 'stats', 'output', 'logs']) {
    const { status, json } = await field.api('GET', `/v1/jobs/${job}/${part}`);
    assert.ok(status < 500 || json.code === 'TABLE_UNKNOWN', `${part}: ${status}`);
  }
  writeFileSync(path, bytes);
  await field.api('PATCH', `/v1/jobs/${job}`, { action: 'resume' });
  await field.worker('c').workOff();
  await field.server.settled();
  assert.equal(readFileSync(join(field.root, 'out', 'out'), 'utf8'), '1\n2\n3\n');
});

test('a worker that somebody has paused or drained stays so over a restart of the server', async (t) => {
  let field = await openField(t);
  await field.submit({ axes: ONE_ROW });
  await field.worker('node7', 1).sync([], { freeSlots: 0 });
  const change = (action: string) =>
    field.api('PATCH', '/v1/workers/node7', { action, reason: 'bad disk' });
  for (const [action, state] of [
    ['pause', 'paused'],
    ['drain', 'draining'],
  ] as const) {
    await change(action);
    field = await field.restart();
    assert.deepEqual((await field.worker('node7', 1).sync()).attempts, []);
    const { json } = await field.api('GET', '/v1/workers');
    assert.deepEqual(
      [json.workers[0].state, json.workers[0].reason, json.workers[0].actor],
      [state, 'bad disk', 'user'],
    );
  }
  await change('resume');
  field = await field.restart();
  assert.equal((await field.worker('node7', 1).sync()).attempts.length, 1);
});
