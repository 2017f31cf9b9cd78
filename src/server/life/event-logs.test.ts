import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ended, type Field, openField, until } from '../testing/field.ts';

const eventLog = (field: Field, format: 'htcondor' | 'json' = 'htcondor') => ({
  perTask: false,
  path: join(field.root, 'life.log'),
  format,
});
/** Empty before its first event. */
function read(field: Field): string {
  const path = join(field.root, 'life.log');
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

/** As the tests of the form read it, but no more than is asked for here. */
function readEventLog(text: string): { number: number; job: number; task: number }[] {
  const whole = text.split('\n...\n');
  assert.equal(whole.pop(), '', 'it ends amid an event');
  return whole.map((event) => {
    const head = /^(\d{3}) \((\d{3,})\.(\d{3,})\.000\) [\d-]{10} [\d:]{8} \S/.exec(event);
    assert.ok(head && !/\n\d{3} \(/.test(event), event);
    const [number, job, task] = head.slice(1).map(Number);
    return { number: number!, job: job!, task: task! };
  });
}

const kinds = (text: string): string[] =>
  readEventLog(text).map(({ number, task }) => `${number} ${task}`);

/** Two tasks: one fails and is tried again, one is held and removed. */
async function live(field: Field) {
  const { job } = await field.submit({
    axes: [{ kind: 'range', column: 'i', from: '1', to: '2', step: '1' }],
    ...{ retries: 1, eventLog: eventLog(field) },
  });
  const worker = field.worker('w', 1);
  await field.api('PATCH', `/v1/jobs/${job}/tasks`, {
    action: 'hold',
    tasks: [[1, 1]],
    reason: 'x',
  });
  const [first] = (await worker.sync()).attempts;
  const [again] = (await worker.sync([ended(first!, 'exit-code')])).attempts;
  await field.api('PATCH', `/v1/jobs/${job}/tasks`, { action: 'release', tasks: [[1, 1]] });
  await field.api('PATCH', `/v1/jobs/${job}/tasks`, { action: 'remove', tasks: [[1, 1]] });
  await worker.sync([ended(again!)], { freeSlots: 0 });
  return job;
}

const LIFE = ['0 0', '0 1', '12 1', '1 0', '6 0', '4 0', '1 0', '13 1', '9 1', '6 0', '5 0'];

describe('event logs of jobs', () => {
  it('tell every event once and in order while it happens', async (t) => {
    const field = await openField(t);
    const job = await live(field);
    await until(() => kinds(read(field)).length === LIFE.length);
    assert.deepEqual(kinds(read(field)), LIFE);
    const told = await field.api('GET', `/v1/jobs/${job}`);
    assert.equal(told.json.state, 'done');
  });

  it('tell of held tasks that are removed when nothing else of their job is left', async (t) => {
    const field = await openField(t);
    const { job } = await field.submit({
      axes: [{ kind: 'range', column: 'i', from: '1', to: '1', step: '1' }],
      eventLog: eventLog(field),
    });
    const change = (action: string) =>
      field.api('PATCH', `/v1/jobs/${job}/tasks`, { action, tasks: [[0, 1]], reason: 'x' });
    await change('hold');
    assert.equal(field.job(job).state, 'failed');
    await until(() => kinds(read(field)).at(-1) === '12 0');
    // Written to its end, and looked at once more.
    await field.server.settled();
    await change('remove');
    await until(() => kinds(read(field)).at(-1) === '9 0');
    assert.deepEqual(kinds(read(field)), ['0 0', '12 0', '9 0']);
  });

  it('go on after a restart without a gap or a repetition, whatever was written last', async (t) => {
    const field = await openField(t);
    await live(field);
    await until(() => kinds(read(field)).length === LIFE.length);
    const whole = read(field);
    const path = join(field.root, 'life.log');
    // What a kill leaves: text that the store does not know of, whole, half, or none of it.
    let now = field;
    const middle = whole.indexOf('Job was evicted');
    for (const left of [whole.length, middle, 0, whole.length - 2]) {
      now.server.core.commit.add({ kind: 'event-log', path, through: 0, bytes: 0 });
      await now.server.core.commit.durable();
      now = await now.restart();
      // Its close has written all; cut it as the kill would have.
      truncateSync(path, left);
      now.server.core.commit.add({ kind: 'event-log', path, through: 0, bytes: 0 });
      await now.server.core.commit.durable();
      now = await now.restart();
      await until(() => read(now) === whole);
    }
  });

  it('leave what others have written as it is, and may be shared by jobs', async (t) => {
    const field = await openField(t);
    const path = join(field.root, 'life.log');
    const foreign = '008 (001.000.000) 2026-01-01 00:00:00 written by another program\n...\n';
    appendFileSync(path, foreign);
    const axes = [{ kind: 'range', column: 'i', from: '1', to: '1', step: '1' }] as const;
    for (const name of ['a', 'b']) {
      await field.submit({ name, axes, eventLog: eventLog(field) });
      await until(() => read(field).includes(name === 'a' ? '000 (001' : '000 (002'));
      appendFileSync(path, foreign);
    }
    assert.equal(await field.worker('w').workOff(), 2);
    await until(() => readEventLog(read(field)).filter(({ number }) => number === 5).length === 2);
    const events = readEventLog(read(field));
    assert.equal(events.filter(({ number }) => number === 8).length, 3);
    assert.deepEqual(
      events.filter(({ number }) => number === 0).map(({ job }) => job),
      [1, 2],
    );
  });

  it('may be one for each task, named by its row, and go on after a kill without a gap', async (t) => {
    const field = await openField(t);
    const path = join(field.root, 'logs-${:job}', 'of-${i}.log');
    const fileOf = (job: number, i: number) => join(field.root, `logs-${job}`, `of-${i}.log`);
    const eventLog = { path, format: 'htcondor', perTask: true } as const;
    const axes = [{ kind: 'range', column: 'i', from: '8', to: '9', step: '1' }] as const;
    const { job } = await field.submit({ axes, eventLog });
    assert.equal(await field.worker('w').workOff(), 2);
    const textOf = (i: number) =>
      existsSync(fileOf(job, i)) ? readFileSync(fileOf(job, i), 'utf8') : '';
    await until(() => [8, 9].every((i) => textOf(i).includes('\n005 (')));
    assert.deepEqual(kinds(textOf(9)), ['0 1', '1 1', '6 1', '5 1']);
    const whole = textOf(8);
    let now = field;
    for (const left of [0, whole.indexOf('005 (') + 9, whole.length]) {
      // Its close has written all, and told the store so.
      now = await now.restart();
      // As a kill leaves it: text that the store does not know of, or half of it.
      truncateSync(fileOf(job, 8), left);
      for (const key of ['logs of tasks', `task ${fileOf(job, 8)}`])
        now.server.core.commit.add({ kind: 'event-log', path: key, through: 0, bytes: 0 });
      await now.server.core.commit.durable();
      now = await now.restart();
      await until(() => textOf(8) === whole);
    }
    assert.deepEqual(kinds(textOf(9)), ['0 1', '1 1', '6 1', '5 1']);
    const many = [{ kind: 'range', column: 'i', from: '1', to: '10001', step: '1' }] as const;
    await assert.rejects(now.submit({ axes: many, eventLog }), /EVENT_LOGS_TOO_MANY/);
  });

  it('of a job that keeps none can be read too, with starts told by ends', async (t) => {
    const field = await openField(t);
    const { job } = await field.submit({
      axes: [{ kind: 'range', column: 'i', from: '1', to: '1', step: '1' }],
    });
    await field.worker('w').workOff();
    const response = await fetch(`${field.url}/v1/jobs/${job}/life?follow=yes`, {
      headers: { authorization: 'Bearer the-admin-token-of-the-test' },
    });
    const lines = (await response.text())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      lines.map(({ kind }) => kind),
      ['submitted', 'started', 'ended'],
    );
  });

  it('whose directory cannot be written are refused with the job', async (t) => {
    const field = await openField(t);
    const path = '/proc/none/life.log';
    await assert.rejects(
      field.submit({ eventLog: { path, format: 'json', perTask: false } }),
      /OUTPUT_UNWRITABLE/,
    );
  });
});
