import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Field, openField, SESSION } from './testing/field.ts';

interface Answer {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly text: string;
}

async function ask(field: Field, path: string, body?: string): Promise<Answer> {
  const response = await fetch(field.url + path, {
    headers: { authorization: `Bearer ${SESSION}` },
    ...(body === undefined ? {} : { method: 'POST', body }),
  });
  const text = await response.text();
  return { status: response.status, retryAfter: response.headers.get('retry-after'), text };
}

const never = new AbortController().signal;

test('a client that comes before any job is asked to come again, not to end', async (t) => {
  const field = await openField(t);
  assert.deepEqual(
    [(await ask(field, '/task')).status, (await ask(field, '/task')).retryAfter],
    [503, '1'],
  );
});

test('a client of a finished job waits while another job is expected', async (t) => {
  const field = await openField(t);
  await field.submit({ axes: [], command: { kind: 'shell', template: 'echo x' } });
  const { text } = await ask(field, '/task?worker=a');
  const ticket = /Ticket=(\d+)/.exec(text)![1];
  const body = '[Result]\nName=out\nLength=2\n--begin content--\nx\n\n--end content--\n';
  assert.equal((await ask(field, `/complete?ticket=${ticket}`, body)).text.trim(), 'taken');

  field.server.expectJob(true);
  assert.equal((await ask(field, '/task?worker=a')).retryAfter, '1');
  field.server.expectJob(false);

  let told = false;
  const everyone = field.server.clientsTold(never).then(() => {
    told = true;
  });
  await new Promise(setImmediate);
  assert.equal(told, false);
  assert.deepEqual((await ask(field, '/task?worker=a')).retryAfter, null);
  await everyone;
  await field.server.clientsTold(never);
});

test('a user who interrupts does not wait for clients to be told', async (t) => {
  const field = await openField(t);
  await field.submit({ axes: [], command: { kind: 'shell', template: 'echo x' } });
  await ask(field, '/task?worker=gone');
  const ending = new AbortController();
  const everyone = field.server.clientsTold(ending.signal);
  ending.abort();
  await everyone;
});
