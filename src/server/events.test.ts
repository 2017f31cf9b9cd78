import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiEvent } from '#wire';
import { type Describe, Events } from './events.ts';

test('how fast a job was is told before that it is over, however soon that is', async (t) => {
  const describe: Describe = (what, id) => ({ id, ...what }) as unknown as ApiEvent;
  const events = new Events(describe, async () => {}, 1);
  t.after(() => events.close());
  const told = events.watch({ job: null, kinds: null, after: null }, t.signal);
  const next = async () => (await told.next()).value.kind;
  events.happened({ kind: 'progress', job: 1 });
  events.happened({ kind: 'job', job: 2 });
  events.happened({ kind: 'job', job: 1 });
  assert.deepEqual([await next(), await next(), await next()], ['job', 'progress', 'job']);
});
