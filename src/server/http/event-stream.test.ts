import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import test from 'node:test';
import Fastify from 'fastify';
import type { ApiEvent } from '#wire';
import { sendEvents } from './event-stream.ts';

test('who connects and reads nothing is cut off, whatever happens meanwhile', async () => {
  let left: () => void = () => {};
  const leaving = new Promise<void>((resolve) => {
    left = resolve;
  });
  let told = 0;
  async function* storm(): AsyncGenerator<ApiEvent> {
    try {
      for (;;) {
        told++;
        const reason = 'x'.repeat(2000);
        yield { id: told, atMs: 1, kind: 'server', state: 'running', reason };
      }
    } finally {
      left();
    }
  }
  const http = Fastify();
  http.get('/', (_request, reply) => sendEvents(storm(), reply, 100));
  await http.listen({ port: 0, host: '127.0.0.1' });
  const { port } = http.server.address() as AddressInfo;
  const socket = connect(port, '127.0.0.1');
  socket.pause();
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  await leaving;
  // What fits into the buffers of both sides was sent, and nothing was kept beyond that.
  assert.ok(told < 10_000, `${told} events`);
  socket.resume();
  await once(socket, 'close');
  await http.close();
});
