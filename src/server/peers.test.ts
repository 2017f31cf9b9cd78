import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MOST_PEERS, type PeerAnswer, peerTicket } from '#wire';
import { openField } from './testing/field.ts';

const BLOB = 'ab'.repeat(32);
const door = (digit: string) => ({ port: 4000, pin: 'cd'.repeat(32), key: digit.repeat(64) });

test('a file leaves the server a few times, and then spreads from worker to worker', async (t) => {
  const { worker } = await openField(t);
  const workers = ['a', 'b', 'c', 'd', 'e'].map((name) => worker(name));
  for (const [index, one] of workers.entries()) await one.sync([], { peer: door(`${index}`) });
  const plain = worker('plain');
  await plain.sync();
  const ask = async (name: string): Promise<PeerAnswer> =>
    (await plain.post('/peers', { worker: `id-${name}`, blob: BLOB })).json() as never;

  assert.deepEqual(await ask('a'), { peers: [], waitMs: 0 });
  assert.deepEqual(await ask('b'), { peers: [], waitMs: 0 });
  const third = await ask('c');
  assert.ok(third.peers.length === 0 && third.waitMs > 0, 'others are getting it');
  assert.equal((await ask('plain')).waitMs, 0, 'nobody gets it from one without a door');
  assert.equal((await ask('a')).waitMs, 0, 'who was sent to the server may go on there');

  await workers[0]!.sync([], { peer: door('0'), data: [{ blob: BLOB, state: 'here' }] });
  const url = `https://127.0.0.1:4000#sha256:${'cd'.repeat(32)}`;
  const peer = { name: 'a', url, ticket: peerTicket('0'.repeat(64), BLOB) };
  assert.deepEqual(await ask('c'), { peers: [peer], waitMs: 0 });
  for (const [index, one] of workers.entries()) {
    await one.sync([], { peer: door(`${index}`), data: [{ blob: BLOB, state: 'here' }] });
  }
  const many = (await ask('e')).peers.map(({ name }) => name);
  assert.ok(many.length === MOST_PEERS && !many.includes('e'), 'never itself');
  assert.equal((await plain.post('/peers', { worker: 'nobody', blob: BLOB })).status, 404);
  assert.equal((await plain.post('/peers', { worker: 'id-a', blob: '../x' })).status, 400);
});
