import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { eachPiece } from './each-piece.ts';
import { StraightReads } from './straight-reads.ts';

const MIB = 2 ** 20;
/** More than Node reads ahead for who does not take it, and any socket takes it. */
const AHEAD_BYTES = 512 * 1024;
const LAST_BYTES = 1000;

/** No two of its pages are the same. */
function content(bytes: number): Buffer {
  const all = Buffer.alloc(bytes);
  for (let at = 0; at + 4 <= bytes; at += 512) all.writeUInt32LE(at + 1, at);
  return all;
}

/** What came of one body, and by which way. */
interface Come {
  readonly bytes: Buffer;
  readonly byParserBytes: number;
  readonly error: unknown;
}

describe('a large body over a plain connection', () => {
  let server: Server;
  /** Of the request that comes next. */
  let come: PromiseWithResolvers<Come>;
  let takenBytes: number;
  /** The first piece is only taken then, and when Node has stopped reading: what comes behind lies in the socket. */
  let isSent: PromiseWithResolvers<void>;

  /** Nothing is answered before the server has seen that nothing else comes. */
  let isEnded: boolean;
  let requests: number;

  before(async () => {
    server = createServer((...one) => void take(...one));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  /** Keeps everything in memory, and wants to be waited for at every third piece. */
  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    requests++;
    const all = Buffer.alloc(40 * MIB);
    let [at, byParserBytes, pieces] = [0, 0, 0];
    const room = (): Buffer => all.subarray(at, at + 300_000);
    const taker = {
      room,
      take(piece: Buffer): Promise<void> | undefined {
        const isThere = piece.buffer === all.buffer;
        assert.ok(!isThere || piece.byteOffset === all.byteOffset + at, 'in its place');
        if (!isThere) byParserBytes += piece.copy(all, at);
        const isFirst = at === 0;
        at += piece.length;
        takenBytes = at;
        if (isFirst) return isSent.promise.then(() => nodeStops(request));
        if (++pieces % 3 === 0) return new Promise((done) => setImmediate(done));
        return undefined;
      },
    };
    let error: unknown = null;
    try {
      await eachPiece(request, taker, StraightReads.of(request, response));
      while (isEnded && !request.socket.readableEnded) await new Promise(setImmediate);
      response.writeHead(200, { 'Content-Length': 2 }).end('ok');
    } catch (thrown) {
      error = thrown;
      response.destroy();
    }
    come.resolve({ bytes: all.subarray(0, at), byParserBytes, error });
  }

  async function nodeStops(request: IncomingMessage): Promise<void> {
    const isFull = () => request.readableLength >= request.readableHighWaterMark;
    while (!request.complete && !isFull()) await new Promise(setImmediate);
  }

  function open(): Socket {
    isEnded = false;
    requests = 0;
    takenBytes = 0;
    come = Promise.withResolvers();
    isSent = Promise.withResolvers();
    return connect((server.address() as AddressInfo).port, '127.0.0.1');
  }

  /** So much of it that Node has not read all goes first, and the last bytes when all others were taken. */
  async function send(socket: Socket, body: Buffer, more = '', bytes = body.length): Promise<void> {
    const head = Buffer.from(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes}\r\n\r\n`);
    const write = (piece: Buffer) => new Promise<unknown>((done) => socket.write(piece, done));
    await write(Buffer.concat([head, body.subarray(0, AHEAD_BYTES)]));
    isSent.resolve();
    await write(body.subarray(AHEAD_BYTES, -LAST_BYTES));
    while (takenBytes < body.length - LAST_BYTES) await new Promise(setImmediate);
    await write(Buffer.concat([body.subarray(-LAST_BYTES), Buffer.from(more)]));
  }

  async function answerOf(socket: Socket): Promise<string> {
    let text = '';
    for await (const piece of socket.setEncoding('latin1')) text += piece;
    return text;
  }

  it('is as it was sent, and little of it goes through the parser', async () => {
    const body = content(33 * MIB + 7);
    const socket = open();
    await send(socket, body);
    const { bytes, byParserBytes, error } = await come.promise;
    assert.equal(error, null);
    assert.ok(bytes.equals(body));
    assert.ok(byParserBytes < body.length, `${byParserBytes} bytes by the parser`);
    assert.match(await answerOf(socket), /^HTTP\/1\.1 200 .*Connection: close.*\r\n\r\nok$/s);
  });

  it('is answered whether the sender says that it was all, or more than it announced', async () => {
    const body = content(9 * MIB);
    for (const more of ['', '\r\n', 'x'.repeat(100_000)]) {
      const socket = open();
      const answer = answerOf(socket);
      isEnded = true;
      await send(socket, body, more);
      socket.end();
      assert.ok((await come.promise).bytes.equals(body));
      assert.match(await answer, /^HTTP\/1\.1 200 .*\r\n\r\nok$/s);
    }
  });

  it('is the last of its connection: nothing behind it is taken for a request', async () => {
    const body = content(9 * MIB);
    const socket = open();
    const answer = answerOf(socket);
    isEnded = true;
    // Longer than all that the parser has not heard of; empty lines before a request are passed over.
    const emptyLines = '\r\n'.repeat(body.length / 2);
    await send(
      socket,
      body,
      `${emptyLines}POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`,
    );
    socket.end();
    assert.ok((await come.promise).bytes.equals(body));
    assert.match(await answer, /^HTTP\/1\.1 200 .*\r\n\r\nok$/s);
    assert.equal(requests, 1);
  });

  it('that breaks off rejects, and what came is what was sent', async () => {
    const body = content(9 * MIB);
    for (const breakOff of ['end', 'resetAndDestroy'] as const) {
      const socket = open().on('error', () => {});
      await send(socket, body, '', body.length + 1);
      socket[breakOff]();
      const { bytes, error } = await come.promise;
      assert.ok(error);
      assert.ok(bytes.equals(body.subarray(0, bytes.length)));
      assert.ok(bytes.length > 0);
    }
  });

  it('goes through the parser where it is small, or nobody knows how large', async () => {
    const socket = open();
    for (const headers of ['Content-Length: 1000', 'Transfer-Encoding: chunked']) {
      come = Promise.withResolvers();
      isSent.resolve();
      const isChunked = headers.startsWith('Transfer');
      const text = isChunked ? `3e8\r\n${'x'.repeat(1000)}\r\n0\r\n\r\n` : 'x'.repeat(1000);
      socket.write(`POST / HTTP/1.1\r\nHost: x\r\n${headers}\r\n\r\n${text}`);
      const { bytes, byParserBytes } = await come.promise;
      assert.deepEqual([bytes.length, byParserBytes], [1000, 1000]);
      // The same connection takes the next one.
      const [answer] = (await once(socket, 'data')) as [Buffer];
      assert.match(answer.toString(), /^HTTP\/1\.1 200 .*Connection: keep-alive/s);
    }
    socket.destroy();
  });
});
