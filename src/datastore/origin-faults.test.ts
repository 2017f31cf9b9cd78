/** Faults of origins, one by one: what lies in the store afterwards is one whole version, or nothing. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { WindrowError } from '#base';
import {
  type Answer,
  bytesOf,
  openOrigin,
  rangeOf,
  sendShort,
  serve,
  sha256Of,
} from './testing/origin.ts';
import { openStore, readHeld } from './testing/store.ts';
import { BARE1, BARE2, DATED, V1, V2, WEAK1, WEAK2 } from './testing/versions.ts';

/** What an origin does on the first and on later requests, and what must come of it. */
interface Fault {
  readonly does: string;
  readonly answer: Answer;
  /** The version that must lie in the store, or the code of the error. */
  readonly leaves: Buffer | string;
  readonly resumes?: number;
  readonly restarts?: number;
}

const FAULTS: readonly Fault[] = [
  {
    does: 'drops a connection and goes on under a strong ETag',
    answer: (q, r, nth) => (nth === 1 ? sendShort(r, V1, 60_000) : serve(q, r, V1)),
    leaves: V1.bytes,
    resumes: 1,
  },
  {
    does: 'drops a connection and goes on under a strong date',
    answer: (q, r, nth) => (nth === 1 ? sendShort(r, DATED, 60_000) : serve(q, r, DATED)),
    leaves: DATED.bytes,
    resumes: 1,
  },
  {
    does: 'has another version after the connection dropped',
    answer: (q, r, nth) => (nth === 1 ? sendShort(r, V1, 60_000) : serve(q, r, V2)),
    leaves: V2.bytes,
    restarts: 1,
  },
  {
    does: 'ignores If-Range and sends the rest of another version with its ETag',
    answer: (_q, r, nth) => {
      if (nth === 1) return sendShort(r, V1, 60_000);
      const { bytes, etag } = V2;
      if (nth > 2)
        return void r.writeHead(200, { etag, 'content-length': bytes.length }).end(bytes);
      const range = `bytes 60000-${bytes.length - 1}/${bytes.length}`;
      r.writeHead(206, { etag, 'content-range': range }).end(bytes.subarray(60_000));
    },
    leaves: V2.bytes,
    restarts: 1,
  },
  {
    does: 'sends a part that begins elsewhere than asked',
    answer: (q, r, nth) => {
      if (nth !== 2) return nth === 1 ? sendShort(r, V1, 60_000) : serve(q, r, V1);
      const range = `bytes 50000-199999/200000`;
      r.writeHead(206, { etag: V1.etag, 'content-range': range }).end(V1.bytes.subarray(50_000));
    },
    leaves: V1.bytes,
    restarts: 1,
  },
  {
    does: 'sends a part of a file of another length without an ETag',
    answer: (q, r, nth) => {
      if (nth !== 2) return nth === 1 ? sendShort(r, V1, 60_000) : serve(q, r, V1);
      r.writeHead(206, { 'content-range': 'bytes 60000-209999/210000' });
      r.end(V2.bytes.subarray(60_000));
    },
    leaves: V1.bytes,
    restarts: 1,
  },
  {
    does: 'sends the rest of another version of the same length and does not say of which',
    answer: (_q, r, nth) => {
      if (nth === 1) return sendShort(r, V1, 60_000);
      const bytes = BARE2.bytes;
      if (nth > 2) return void r.writeHead(200, { 'content-length': bytes.length }).end(bytes);
      r.writeHead(206, { 'content-range': 'bytes 60000-199999/200000' });
      r.end(bytes.subarray(60_000));
    },
    leaves: BARE2.bytes,
    restarts: 1,
  },
  {
    does: 'sends the rest of another version of the same length with its date alone',
    answer: (_q, r, nth) => {
      if (nth === 1) return sendShort(r, DATED, 60_000);
      const bytes = BARE2.bytes;
      if (nth > 2) return void r.writeHead(200, { 'content-length': bytes.length }).end(bytes);
      r.writeHead(206, {
        'content-range': 'bytes 60000-199999/200000',
        'last-modified': 'Tue, 02 Jan 2024 00:00:00 GMT',
      });
      r.end(bytes.subarray(60_000));
    },
    leaves: BARE2.bytes,
    restarts: 1,
  },
  {
    does: 'told a digest of the whole, and sends the rest without one, spoilt',
    answer: (q, r, nth) => {
      const digest = Buffer.from(sha256Of(V1.bytes), 'hex').toString('base64');
      if (nth === 1) return sendShort(r, V1, 60_000, { 'repr-digest': `sha-256=:${digest}:` });
      const spoilt = Buffer.from(V1.bytes);
      spoilt[150_000] = 0xff ^ spoilt[150_000]!;
      serve(q, r, { bytes: spoilt, etag: V1.etag });
    },
    leaves: 'DATA_DIGEST_WRONG',
  },
  {
    does: 'changes under a weak ETag between the parts',
    answer: (q, r, nth) => (nth === 1 ? sendShort(r, WEAK1, 60_000) : serve(q, r, WEAK2)),
    leaves: WEAK2.bytes,
    restarts: 1,
  },
  {
    does: 'changes and names no version at all',
    answer: (q, r, nth) => (nth === 1 ? sendShort(r, BARE1, 60_000) : serve(q, r, BARE2)),
    leaves: BARE2.bytes,
    restarts: 1,
  },
  {
    does: 'has a date that is too fresh to tell versions apart',
    answer: (q, r, nth) => {
      const now = {
        bytes: nth === 1 ? BARE1.bytes : BARE2.bytes,
        lastModified: new Date().toUTCString(),
      };
      if (nth === 1) sendShort(r, now, 60_000);
      else serve(q, r, now);
    },
    leaves: BARE2.bytes,
    restarts: 1,
  },
  {
    does: 'knows no ranges',
    answer: (_q, r, nth) => {
      if (nth === 1) return sendShort(r, V1, 60_000);
      r.writeHead(200, { etag: V1.etag, 'content-length': V1.bytes.length }).end(V1.bytes);
    },
    leaves: V1.bytes,
    restarts: 1,
  },
  {
    does: 'has become shorter than what is here',
    answer: (q, r, nth) => {
      const short = { bytes: bytesOf(50_000, 4), etag: '"short"' };
      if (nth === 1) return sendShort(r, V1, 60_000);
      if (q.headers.range) return void r.writeHead(416, { 'content-range': 'bytes */50000' }).end();
      serve(q, r, short);
    },
    leaves: bytesOf(50_000, 4),
    restarts: 1,
  },
  {
    does: 'always drops the connection at the same place',
    answer: (q, r) => {
      if (rangeOf(q, V1) > 0) r.socket?.destroy();
      else sendShort(r, V1, 60_000);
    },
    leaves: 'DATA_FETCH_FAILED',
  },
  {
    does: 'ends chunked before the last chunk',
    answer: (_q, r) => {
      r.writeHead(200, { 'transfer-encoding': 'chunked' });
      r.write(BARE1.bytes.subarray(0, 70_000), () => r.socket?.destroy());
    },
    leaves: 'DATA_FETCH_FAILED',
  },
  {
    does: 'sends chunks up to the last one',
    answer: (_q, r) => {
      r.write(BARE1.bytes.subarray(0, 70_000));
      r.end(BARE1.bytes.subarray(70_000));
    },
    leaves: BARE1.bytes,
  },
  {
    does: 'ends with the connection and never says how long the file is',
    answer: (_q, r) => {
      r.socket?.end(Buffer.concat([Buffer.from('HTTP/1.0 200 OK\r\n\r\n'), BARE1.bytes]));
    },
    leaves: 'DATA_REFUSED',
  },
  {
    does: 'announces fewer bytes than it sends',
    answer: (_q, r) => {
      const head = 'HTTP/1.1 200 OK\r\ncontent-length: 1000\r\nconnection: close\r\n\r\n';
      const sum = sha256Of(BARE1.bytes);
      const digest = `repr-digest: sha-256=:${Buffer.from(sum, 'hex').toString('base64')}:\r\n`;
      const text = head.replace('content-length', `${digest}content-length`);
      r.socket?.end(Buffer.concat([Buffer.from(text), BARE1.bytes]));
    },
    leaves: 'DATA_DIGEST_WRONG',
  },
  {
    does: 'is overloaded at first',
    answer: (q, r, nth) =>
      nth < 3 ? void r.writeHead(503, { 'retry-after': '0' }).end() : serve(q, r, V1),
    leaves: V1.bytes,
  },
  {
    does: 'does not have it',
    answer: (_q, r) => void r.writeHead(404).end(),
    leaves: 'DATA_REFUSED',
  },
  {
    does: 'sends another digest than its bytes have',
    answer: (q, r) => serve(q, r, V1, { digest: `SHA-256=${Buffer.alloc(32).toString('base64')}` }),
    leaves: 'DATA_DIGEST_WRONG',
  },
  {
    does: 'sends its digest in Content-MD5, and bytes that are spoilt on the way',
    answer: (q, r) => serve(q, r, V1, { 'content-md5': Buffer.alloc(16).toString('base64') }),
    leaves: 'DATA_DIGEST_WRONG',
  },
  {
    does: 'redirects in a circle',
    answer: (q, r) => void r.writeHead(302, { location: q.url }).end(),
    leaves: 'DATA_REFUSED',
  },
  {
    does: 'redirects to a file of this machine',
    answer: (_q, r) => void r.writeHead(302, { location: 'file:///etc/passwd' }).end(),
    leaves: 'DATA_REFUSED',
  },
  {
    does: 'sends a part that nobody asked for',
    answer: (_q, r) =>
      void r
        .writeHead(206, { 'content-range': 'bytes 0-99/200000' })
        .end(V1.bytes.subarray(0, 100)),
    leaves: 'DATA_REFUSED',
  },
];

async function outcomeOf(t: TestContext, { answer }: Fault) {
  const origin = await openOrigin(t);
  const store = await openStore(t);
  const key = origin.on('/file', answer);
  try {
    const held = await store.ensure({ key, mode: 'immutable' });
    return { store, key, way: held.way, found: await readHeld(held) };
  } catch (error) {
    assert.ok(error instanceof WindrowError, String(error));
    return { store, key, way: null, found: error.code };
  }
}

for (const fault of FAULTS) {
  test(`an origin that ${fault.does}: one version, or an error`, async (t) => {
    const { store, key, way, found } = await outcomeOf(t, fault);
    if (typeof fault.leaves === 'string') {
      assert.equal(typeof found === 'string' ? found : 'bytes', fault.leaves);
      assert.equal(await store.find(key), null, 'nothing is stored');
      return;
    }
    assert.ok(
      Buffer.isBuffer(found) && found.equals(fault.leaves),
      `found ${String(found).slice(0, 80)}`,
    );
    assert.equal(way?.resumes, fault.resumes ?? 0);
    assert.equal(way?.restarts, fault.restarts ?? 0);
    assert.equal((await store.find(key))?.sha256, sha256Of(fault.leaves));
  });
}
