/** A way to a server that counts what goes through, and drops the connection where it is told to. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

const NEVER = Number.POSITIVE_INFINITY;

export async function openWay(t: TestContext, to: string) {
  const way = {
    url: '',
    /** To the server, and back. */
    sentBytes: 0,
    answeredBytes: 0,
    /** Once; set again for another time. */
    cutAfterBytes: NEVER,
    cutAfterAnsweredBytes: NEVER,
    isDown: false,
    onCut: () => {},
  };
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    if (way.isDown) return near.destroy();
    const far = connect(Number(new URL(to).port), '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on('error', () => {});
      one.on('close', () => other.destroy());
    }
    near.on('data', (piece) => {
      way.sentBytes += piece.length;
      far.write(piece);
      if (way.sentBytes < way.cutAfterBytes) return;
      way.cutAfterBytes = NEVER;
      way.onCut();
      // What was sent arrives; then there is nothing any more.
      far.end(() => near.destroy());
    });
    far.on('data', (piece) => {
      way.answeredBytes += piece.length;
      if (way.answeredBytes < way.cutAfterAnsweredBytes) return;
      way.cutAfterAnsweredBytes = NEVER;
      near.end(() => far.destroy());
    });
    far.pipe(near);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  t.after(() => sockets.forEach((socket) => void socket.destroy()));
  way.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return way;
}
