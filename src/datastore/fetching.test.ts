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
import { openStore, readHeld, until } from './testing/store.ts';

const LONG_AGO = 'Mon, 01 Jan 2024 00:00:00 GMT';
const V1 = { bytes: bytesOf(200_000, 1), etag: '"one"' };
const V2 = { bytes: bytesOf(210_000, 2), etag: '"two"' };
const DATED = { bytes: bytesOf(200_000, 3), lastModified: LONG_AGO };
const WEAK1 = { bytes: bytesOf(200_000, 1), etag: 'W/"one"' };
/** A weak tag may well be that of several versions: that is what makes it weak. */
const WEAK2 = { bytes: bytesOf(200_000, 2), etag: 'W/"one"' };
const BARE1 = { bytes: bytesOf(200_000, 1) };
const BARE2 = { bytes: bytesOf(200_000, 2) };

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

test('a thousand who wait for one file are one request, and each may leave', async (t) => {
  const origin = await openOrigin(t);
  const store = await openStore(t);
  const { promise: asked, resolve: isAsked } = Promise.withResolvers<() => void>();
  const key = origin.on('/file', (q, r) => isAsked(() => serve(q, r, V1)));
  const leaving = new AbortController();
  const leaver = store.ensure({ key, mode: 'immutable', signal: leaving.signal });
  const waiting = Array.from({ length: 999 }, () => store.ensure({ key, mode: 'immutable' }));
  const answer = await asked;
  leaving.abort(new Error('changed my mind'));
  await assert.rejects(leaver, /changed my mind/);
  answer();
  const held = await Promise.all(waiting);
  assert.equal(origin.countOf('/file'), 1);
  assert.equal(new Set(held.map(({ path }) => path)).size, 1);
  await Promise.all(held.map(({ release }) => release()));
});

test('when the last one leaves, the transfer is broken off', async (t) => {
  const origin = await openOrigin(t);
  const store = await openStore(t);
  let isOver = false;
  const key = origin.on('/file', (_q, r) => {
    r.writeHead(200, { 'content-length': '100' });
    r.write('x');
    r.on('close', () => {
      isOver = true;
    });
  });
  const leaving = new AbortController();
  const waiting = store.ensure({ key, mode: 'immutable', signal: leaving.signal });
  await until(() => store.underWay().some(({ bytes }) => bytes > 0));
  leaving.abort(new Error('enough'));
  await assert.rejects(waiting, /enough/);
  await until(() => isOver && store.underWay().length === 0);
});

test('an origin that stalls is given up, and holds nobody else up', async (t) => {
  const origin = await openOrigin(t);
  const other = await openOrigin(t);
  const fetching = { slowBytesPerSecond: 1000, slowMs: 300, perOrigin: 1, inAll: 2, tries: 2 };
  const store = await openStore(t, { fetching });
  const stalled = origin.on('/stalled', (_q, r) => {
    r.writeHead(200, { 'content-length': '1000000' });
    r.write('x');
  });
  const behind = origin.on('/behind', (q, r) => serve(q, r, V1));
  const key = other.on('/file', (q, r) => serve(q, r, V1));
  const gaveUp = assert.rejects(store.ensure({ key: stalled, mode: 'immutable' }), {
    code: 'DATA_FETCH_FAILED',
    message: /fewer than 1000 bytes a second/,
  });
  const queued = store.ensure({ key: behind, mode: 'immutable' });
  await readHeld(await store.ensure({ key, mode: 'immutable' }));
  await gaveUp;
  await readHeld(await queued);
});

test('progress only grows, is told anew after a restart, and ends with the whole', async (t) => {
  const origin = await openOrigin(t);
  let ms = 0;
  // Nothing is too soon to be told after something else.
  const clock = { now: () => Date.now(), monotonic: () => (ms += 1000) };
  const store = await openStore(t, { clock });
  const key = origin.on('/file', (q, r, nth) => {
    if (nth === 1) sendShort(r, BARE1, 60_000);
    else serve(q, r, BARE2);
  });
  const told: number[] = [];
  const onProgress = ({ bytes }: { bytes: number }) => void told.push(bytes);
  await readHeld(await store.ensure({ key, mode: 'immutable', onProgress }));
  const falls = told.filter((bytes, at) => at > 0 && bytes < told[at - 1]!);
  assert.deepEqual(falls, [0]);
  assert.equal(told.at(-1), BARE2.bytes.length);
});

test('what the origin forbids to keep is for the one who asked, and never in the store', async (t) => {
  const origin = await openOrigin(t);
  const store = await openStore(t);
  const key = origin.on('/secret', (q, r) => serve(q, r, V1, { 'cache-control': 'no-store' }));
  const [one, two] = await Promise.all([
    store.ensure({ key, mode: 'immutable' }),
    store.ensure({ key, mode: 'immutable' }),
  ]);
  assert.ok(one.isPassing && two.isPassing);
  assert.equal(origin.countOf('/secret'), 2, 'each one asked by itself');
  assert.ok((await readHeld(one)).equals(V1.bytes));
  assert.ok((await readHeld(two)).equals(V1.bytes));
  assert.equal(await store.find(key), null);
  assert.equal((await store.list({})).matching, 0);
});

test('a file that may have changed is asked about, and brought only when it has', async (t) => {
  const origin = await openOrigin(t);
  const store = await openStore(t);
  let version = V1;
  const key = origin.on('/file', (q, r) => serve(q, r, version, { 'cache-control': 'no-cache' }));
  const ensure = async (staleAllowed = false) => {
    const held = await store.ensure({ key, mode: 'revalidate', staleAllowed });
    return { how: held.way.how, bytes: await readHeld(held) };
  };
  assert.deepEqual(await ensure(), { how: 'fetched', bytes: V1.bytes });
  assert.deepEqual(await ensure(), { how: 'revalidated', bytes: V1.bytes });
  version = V2;
  assert.deepEqual(await ensure(), { how: 'fetched', bytes: V2.bytes });
  const unasked = await store.ensure({ key, mode: 'immutable' });
  assert.equal(unasked.way.how, 'hit');
  await unasked.release();
  assert.equal(origin.countOf('/file'), 3);
});

test('what is fresh by its headers is not asked about, as a private cache has it', async (t) => {
  const origin = await openOrigin(t);
  const store = await openStore(t);
  const fresh = origin.on('/fresh', (q, r) =>
    serve(q, r, V1, { 'cache-control': 'private, max-age=60' }),
  );
  const old = origin.on('/old', (q, r) => serve(q, r, DATED));
  for (const key of [fresh, fresh, old, old])
    await readHeld(await store.ensure({ key, mode: 'revalidate' }));
  assert.equal(origin.countOf('/fresh'), 1);
  assert.equal(origin.countOf('/old'), 1, 'a tenth of its age is years');
});

test('a pinned version is what its pin sees, whatever the origin has by now', async (t) => {
  const origin = await openOrigin(t);
  const store = await openStore(t);
  let version = V1;
  const key = origin.on('/file', (q, r) => serve(q, r, version, { 'cache-control': 'no-cache' }));
  const first = await store.ensure({ key, mode: 'pin', pin: 'job-1' });
  version = V2;
  const other = await store.ensure({ key, mode: 'revalidate' });
  const again = await store.ensure({ key, mode: 'pin', pin: 'job-1' });
  assert.ok((await readHeld(first)).equals(V1.bytes));
  assert.ok((await readHeld(other)).equals(V2.bytes));
  assert.ok((await readHeld(again)).equals(V1.bytes));
  assert.equal(origin.countOf('/file'), 2);
});

test('while the origin is down a copy is served stale to those who allow it, and says so', async (t) => {
  const origin = await openOrigin(t);
  const store = await openStore(t);
  const key = origin.on('/file', (q, r) => serve(q, r, V1, { 'cache-control': 'max-age=0' }));
  const strict = origin.on('/strict', (q, r) =>
    serve(q, r, V1, { 'cache-control': 'max-age=0, must-revalidate' }),
  );
  for (const one of [key, strict])
    await readHeld(await store.ensure({ key: one, mode: 'revalidate' }));
  await origin.close();
  const held = await store.ensure({ key, mode: 'revalidate', staleAllowed: true });
  assert.equal(held.way.how, 'stale');
  assert.ok((await readHeld(held)).equals(V1.bytes));
  assert.ok(store.events.some(({ kind }) => kind === 'stale'));
  await assert.rejects(store.ensure({ key, mode: 'revalidate' }), { code: 'DATA_FETCH_FAILED' });
  const refused = store.ensure({ key: strict, mode: 'revalidate', staleAllowed: true });
  await assert.rejects(refused, { code: 'DATA_FETCH_FAILED' });
});

test('a digest that is given decides, wherever the bytes lie already', async (t) => {
  const origin = await openOrigin(t);
  const store = await openStore(t);
  const key = origin.on('/file', (q, r) => serve(q, r, V1));
  const twin = origin.on('/twin', (q, r) => serve(q, r, V1));
  const beside = origin.on('/beside', (q, r) => serve(q, r, V1));
  origin.on('/beside.sha256', (_q, r) => void r.end(`${sha256Of(V2.bytes)}  beside\n`));
  const digests = { sha256: sha256Of(V1.bytes) };
  const wrong = store.ensure({ key, mode: 'immutable', digests: { sha256: sha256Of(V2.bytes) } });
  await assert.rejects(wrong, { code: 'DATA_DIGEST_WRONG' });
  assert.equal(await store.find(key), null);
  await readHeld(await store.ensure({ key, mode: 'revalidate', digests }));
  const same = await store.ensure({ key: twin, mode: 'immutable', digests });
  assert.equal(same.way.how, 'same');
  assert.ok((await readHeld(same)).equals(V1.bytes));
  assert.equal(origin.countOf('/twin'), 0);
  const contradicted = store.ensure({ key: beside, mode: 'immutable', hasDigestBeside: true });
  await assert.rejects(contradicted, { code: 'DATA_DIGEST_WRONG', message: /beside\.sha256/ });
});

test('what is too large is refused before it is fetched, or as soon as it shows', async (t) => {
  const origin = await openOrigin(t);
  const store = await openStore(t);
  const told = origin.on('/told', (q, r) => serve(q, r, V1));
  const chunked = origin.on('/chunked', (_q, r) => {
    r.write(V1.bytes);
  });
  for (const key of [told, chunked]) {
    const asked = store.ensure({ key, mode: 'immutable', mostBytes: 1000 });
    await assert.rejects(asked, { code: 'DATA_TOO_LARGE' });
  }
});
