import assert from 'node:assert/strict';
import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { fingerprintOf, ManualClock, systemClock } from '#base';
import { issueAuthority, issueServer } from '#certificates';
import { type ContentSource, contentTransport, openDatastore } from '#datastore';
import { type PeerAnswer, peerTicket } from '#wire';
import { Stock } from '../stock.ts';
import { openPeerDoor } from './peer-door.ts';
import { peerSource } from './peer-source.ts';

const CONTENT = randomBytes(700_000);
const SHA256 = createHash('sha256').update(CONTENT).digest('hex');

function directoryFor(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'windrow-peers-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A source of the content that counts who asked; `bytes` of it are what it gives. */
function giving(bytes: Buffer, name?: string): ContentSource & { asked: number } {
  const source = {
    asked: 0,
    open: async (_sha256: string, fromByte: number) => {
      source.asked++;
      // A copy: the store takes the memory of what it is given.
      const body = Readable.from([Buffer.from(bytes.subarray(fromByte))]);
      return { totalBytes: bytes.length, fromByte, body, ...(name ? { from: name } : {}) };
    },
  };
  return source;
}

async function stockWith(t: TestContext, peers: ContentSource, server: ContentSource) {
  const directory = directoryFor(t);
  const datastore = await openDatastore({
    directory: join(directory, 'data'),
    transports: [contentTransport('windrow', server), contentTransport('peer', peers)],
    fetching: { tries: 4, backoffFromMs: 1, backoffToMs: 2 },
    ...{ clock: systemClock, random: Math.random, onEvent: () => {} },
  });
  const marks = join(directory, 'marks');
  const stock = new Stock({ datastore, marks, hasPeers: true, sessionTag: () => 'tag' });
  t.after(() => stock.close());
  return { stock, datastore };
}

/** A store with the content, and its door. */
async function openGiver(t: TestContext) {
  const { datastore } = await stockWith(t, giving(CONTENT), giving(CONTENT));
  await datastore.put(Readable.from([Buffer.from(CONTENT)]), { key: `windrow:${SHA256}` });
  const authority = await issueAuthority('test', systemClock.now());
  const issued = await issueServer(authority, ['localhost'], systemClock.now());
  const pin = fingerprintOf(new X509Certificate(issued.certificate));
  const hold = (sha256: string) => datastore.hold(`windrow:${sha256}`);
  const door = await openPeerDoor({ port: 0, ...issued, pin, hold });
  t.after(() => door.close());
  return door;
}

const asking = (answer: PeerAnswer) =>
  peerSource({
    worker: () => 'me',
    link: async () => ({ postJson: async () => answer }),
    clock: systemClock,
  });

test('a worker gets a file from another one for a ticket, and from nobody without the right one', async (t) => {
  const { port, pin, key } = (await openGiver(t)).told();
  const peer = (ticket: string, fingerprint = pin) => ({
    peers: [{ name: 'node7', url: `https://127.0.0.1:${port}#sha256:${fingerprint}`, ticket }],
    waitMs: 0,
  });
  const ticket = peerTicket(key, SHA256);
  const never = giving(CONTENT);
  const right = await stockWith(t, asking(peer(ticket)), never);
  const way = await right.stock.ensure({ sha256: SHA256, bytes: CONTENT.length }, t.signal);
  assert.deepEqual(way, { how: 'fetched', via: 'peer node7' });
  assert.equal(never.asked, 0);
  const piece = await asking(peer(ticket)).open(SHA256, 699_990, t.signal);
  assert.equal(piece.fromByte, 699_990);
  assert.ok(Buffer.concat(await Array.fromAsync(piece.body)).equals(CONTENT.subarray(-10)));

  const other = createHash('sha256').update('other').digest('hex');
  for (const answer of [
    peer(peerTicket('0'.repeat(64), SHA256)),
    peer(peerTicket(key, other)),
    peer(ticket, '0'.repeat(64)),
  ]) {
    await assert.rejects(asking(answer).open(SHA256, 0, t.signal), { code: 'PEERS_NONE' });
  }
});

test('bytes of a peer that are not what they should be are not kept: the server gives the right ones', async (t) => {
  const spoilt = Buffer.from(CONTENT);
  spoilt[5] = spoilt[5]! ^ 1;
  for (const lie of [spoilt, CONTENT.subarray(0, 1000)]) {
    const server = giving(CONTENT);
    const liar = giving(lie, 'peer liar');
    const { stock } = await stockWith(t, liar, server);
    const way = await stock.ensure({ sha256: SHA256, bytes: CONTENT.length }, t.signal);
    assert.deepEqual(way, { how: 'fetched', via: 'server' });
    assert.deepEqual([liar.asked > 0, server.asked > 0], [true, true]);
  }
});

test('peers that nobody reaches are passed over for a while, and after some of them all are', async (t) => {
  const closed = createServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const { port } = closed.address() as AddressInfo;
  closed.close();
  const clock = new ManualClock(0);
  const url = (digit: number) => `https://127.0.0.1:${port}#sha256:${`${digit}`.repeat(64)}`;
  let next = 0;
  let asked = 0;
  const source = peerSource({
    worker: () => 'me',
    link: async () => ({
      postJson: async () => {
        asked++;
        return { peers: [{ name: 'away', url: url(next), ticket: '0'.repeat(64) }], waitMs: 300 };
      },
    }),
    clock,
  });
  const fails = () => assert.rejects(source.open(SHA256, 0, t.signal), { code: 'PEERS_NONE' });
  for (next of [0, 0, 1, 2, 3]) await fails();
  assert.equal(asked, 4, 'the server is asked as long as there may be others');
  clock.advance(400_000);
  await fails();
  assert.equal(asked, 5, 'later they may be there');
});
