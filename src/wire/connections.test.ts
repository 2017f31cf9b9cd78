import assert from 'node:assert/strict';
import { randomBytes, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { Readable } from 'node:stream';
import { afterEach, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fingerprintOf } from '#base';
import { issueAuthority } from '#certificates';
import { Connections, type Sending, Silent, WrongLength } from './connections.ts';

const closers: (() => void)[] = [];

afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

const GET: Sending = {
  ...{ method: 'GET', path: '/', headers: {}, body: null, idleMs: 0, answerIdleMs: 0 },
};

async function serve(listener: RequestListener, host = '127.0.0.1', most = 1) {
  const server = createServer(listener);
  server.listen(0, host);
  await once(server, 'listening');
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const name = host.includes(':') ? `[${host}]` : host;
  return connect(`http://${name}:${port}`, most);
}

function connect(origin: string, most = 1, pin: string | null = null): Connections {
  const connectTimeoutMs = pin === null ? 200 : 10_000;
  const connections = new Connections({ origin, pin, most, connectTimeoutMs });
  closers.push(() => connections.close());
  return connections;
}

test('one who reads slowly does not take the server for silent', async () => {
  const bytes = 8_000_000;
  const connections = await serve((_, response) => response.end(randomBytes(bytes)));
  const sent = connections.send({ ...GET, answerIdleMs: 500 });
  const answer = await sent.answer;
  let got = 0;
  // Nothing moves meanwhile: what buffers on the way take in is much less.
  await pause(1200);
  for await (const chunk of answer) got += (chunk as Buffer).length;
  assert.equal(got, bytes);
  sent.finish();
});

test('a server that stops amid its answer is silent, also for one who read slowly before', async () => {
  const connections = await serve((_, response) => response.write(randomBytes(100_000)));
  const sent = connections.send({ ...GET, answerIdleMs: 200 });
  const answer = await sent.answer;
  await pause(500);
  await assert.rejects(async () => {
    for await (const _ of answer);
  }, Silent);
  sent.finish();
});

test('one who takes long over the last piece gets the end that came meanwhile', async () => {
  const begun = Promise.withResolvers<ServerResponse>();
  const connections = await serve((_, response) => {
    response.write('piece');
    begun.resolve(response);
  });
  const sent = connections.send({ ...GET, answerIdleMs: 300 });
  const answer = await sent.answer;
  const response = await begun.promise;
  let got = '';
  for await (const chunk of answer) {
    got += chunk;
    response.end();
    await pause(900);
  }
  assert.equal(got, 'piece');
  sent.finish();
});

test('a connection is given up before the server does that, who says when', async () => {
  const said = { connection: 'keep-alive', 'keep-alive': 'timeout=2' };
  const closed = Promise.withResolvers<void>();
  const connections = await serve((request, response) => {
    request.socket.once('end', closed.resolve);
    response.writeHead(200, said).end();
  });
  const sent = connections.send(GET);
  await (await sent.answer).toArray();
  sent.finish();
  await closed.promise;
});

test('a stream that grew is not sent beyond the length that was announced', async () => {
  const begun = Promise.withResolvers<void>();
  const came = Promise.withResolvers<string>();
  const connections = await serve((request) => {
    let text = '';
    request.on('data', (chunk) => {
      text += chunk;
      begun.resolve();
    });
    request.on('error', () => {});
    request.once('close', () => came.resolve(text));
  });
  async function* grown() {
    yield Buffer.from('four');
    await begun.promise;
    yield Buffer.from('more GET / HTTP/1.1');
  }
  const headers = { 'content-length': '8' };
  const body = Readable.from(grown());
  const sent = connections.send({ ...GET, method: 'PUT', headers, body });
  await assert.rejects(sent.answer, WrongLength);
  sent.finish();
  assert.equal(await came.promise, 'four');
});

test('a header that cannot be sent fails its request, and takes no place of another', async () => {
  const connections = await serve((_, response) => response.end('well'));
  const wrong = connections.send({ ...GET, headers: { authorization: 'two\nlines' } });
  await assert.rejects(wrong.answer, { code: 'ERR_INVALID_CHAR' });
  wrong.finish();
  const sent = connections.send(GET);
  assert.equal((await (await sent.answer).toArray()).join(''), 'well');
  sent.finish();
});

test('a request that waits for a connection can be broken off, and the next one is served', async () => {
  let asked = 0;
  const first = Promise.withResolvers<() => void>();
  const connections = await serve((_, response) => {
    if (asked++ === 0) first.resolve(() => response.end());
    else response.end('next');
  });
  const busy = connections.send(GET);
  const answerFirst = await first.promise;
  const body = Readable.from(['never read']);
  const waiting = connections.send({ ...GET, method: 'PUT', body });
  waiting.breakOff(new Error('given up'));
  await assert.rejects(waiting.answer, /given up/);
  waiting.finish();
  assert.ok(body.destroyed, 'what was to be sent is closed');
  const next = connections.send(GET);
  answerFirst();
  (await busy.answer).resume();
  busy.finish();
  assert.equal((await (await next.answer).toArray()).join(''), 'next');
  next.finish();
  assert.equal(asked, 2);
});

test('an answer that nobody reads does not cost its connection', async () => {
  const ports = new Set<unknown>();
  const connections = await serve((request, response) => {
    ports.add(request.socket.remotePort);
    response.end();
  });
  for (let i = 0; i < 5; i++) {
    const sent = connections.send({ ...GET, method: 'POST' });
    await sent.answer;
    sent.finish();
  }
  assert.ok(ports.size <= 2, `${ports.size} connections`);
});

test('what waits ends when the connections are closed, and nothing is sent afterwards', async () => {
  let asked = 0;
  const arrived = Promise.withResolvers<void>();
  const connections = await serve(() => {
    asked++;
    arrived.resolve();
  });
  const calls = [connections.send(GET), connections.send(GET)];
  await arrived.promise;
  connections.close();
  const after = connections.send(GET);
  for (const { answer, finish } of [...calls, after]) {
    await assert.rejects(answer, /closed/);
    finish();
  }
  assert.equal(asked, 1);
});

test('a server is reached at an address of IPv6', async (t) => {
  const connections = await serve((_, response) => response.end('six'), '::1').catch(() => null);
  if (!connections) return t.skip('this machine has no IPv6');
  const sent = connections.send(GET);
  assert.equal((await (await sent.answer).toArray()).join(''), 'six');
  sent.finish();
});

test('a server that shakes no hands for TLS takes no connection in time', async () => {
  const server = createTcpServer((socket) => socket.on('error', () => {}).resume());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  const sent = connect(`https://127.0.0.1:${port}`).send(GET);
  await assert.rejects(sent.answer, { code: 'ETIMEDOUT' });
  sent.finish();
});

test('over TLS too there are no more connections than allowed, and who waits hears of a server that went', async () => {
  const { certificate: cert, key } = await issueAuthority('localhost', Date.now());
  const held = Promise.withResolvers<void>();
  let made = 0;
  const server = createSecureServer({ cert, key }, ({ url }, response) => {
    if (url === '/hold') held.resolve();
    else response.end();
  });
  server.on('secureConnection', () => made++);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  const pin = fingerprintOf(new X509Certificate(cert));
  const connections = connect(`https://127.0.0.1:${port}`, 2, pin);
  await Promise.all(
    Array.from({ length: 6 }, async () => {
      const sent = connections.send(GET);
      await (await sent.answer).toArray();
      sent.finish();
    }),
  );
  assert.equal(made, 2);
  const calls = Array.from({ length: 5 }, () => connections.send({ ...GET, path: '/hold' }));
  await held.promise;
  server.closeAllConnections();
  server.close();
  const ends = await Promise.allSettled(calls.map(({ answer, finish }) => answer.finally(finish)));
  assert.ok(ends.every(({ status }) => status === 'rejected'));
});
