import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiEvent } from '#wire';
import { type Describe, Events } from './events.ts';
import { openField } from './testing/field.ts';

const describe: Describe = (what, id) => ({ id, ...what }) as unknown as ApiEvent;

test('how fast a job was is told before that it is over, however soon that is', async (t) => {
  const events = new Events(describe, async () => {}, 1);
  t.after(() => events.close());
  const told = events.watch({ job: null, kinds: null, after: null }, t.signal);
  const next = async () => (await told.next()).value.kind;
  events.happened({ kind: 'progress', job: 1 });
  events.happened({ kind: 'job', job: 2 });
  events.happened({ kind: 'job', job: 1 });
  assert.deepEqual([await next(), await next(), await next()], ['job', 'progress', 'job']);
});

test('who asks for some kinds of events is told of no others, nor of other jobs', async (t) => {
  const events = new Events(describe, async () => {}, 1);
  t.after(() => events.close());
  const kinds = new Set(['job']);
  const told = events.watch({ job: 1, kinds, after: null }, t.signal);
  const missed = events.watch({ job: null, kinds, after: 0 }, t.signal);
  events.happened({ kind: 'progress', job: 1 });
  events.happened({ kind: 'job', job: 2 });
  events.happened({ kind: 'job', job: 1 });
  assert.deepEqual((await told.next()).value, { id: 1003, kind: 'job', job: 1 });
  assert.deepEqual((await missed.next()).value, { id: 1001, kind: 'job', job: 2 });
  const later = events.watch({ job: 1, kinds, after: 1001 }, t.signal);
  assert.deepEqual((await later.next()).value, { id: 1003, kind: 'job', job: 1 });
});

test('progress is told once, however often a job went on, and again when it goes on later', async (t) => {
  const events = new Events(describe, async () => {}, 1);
  t.after(() => events.close());
  const told = events.watch({ job: null, kinds: null, after: null }, t.signal);
  for (let end = 0; end < 10; end++) events.happened({ kind: 'progress', job: 1 });
  assert.deepEqual((await told.next()).value, { id: 1001, kind: 'progress', job: 1 });
  events.happened({ kind: 'progress', job: 1 });
  assert.deepEqual((await told.next()).value, { id: 1002, kind: 'progress', job: 1 });
});

test('a job that goes on before its end is durable has ended all the same', async (t) => {
  let state = 'running';
  const durable = Promise.withResolvers<void>();
  const describeState: Describe = (what, id) => ({ id, ...what, state }) as unknown as ApiEvent;
  const events = new Events(describeState, () => durable.promise, 1);
  t.after(() => events.close());
  const told = events.watch({ job: 1, kinds: null, after: null }, t.signal);
  events.happened({ kind: 'job', job: 1 });
  state = 'done'; // what belongs to it may follow in the same turn
  await new Promise(setImmediate);
  state = 'running';
  durable.resolve();
  assert.equal((await told.next()).value.state, 'done');
});

test('a kind of events that there is not is refused by name', async (t) => {
  const field = await openField(t);
  const { status, json } = await field.api('GET', '/v1/events?kinds=job,jobs');
  assert.equal(status, 400);
  assert.match(JSON.stringify(json), /kinds.*job, progress, task/);
});
