import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Agent } from 'undici';
import type { WindrowError } from '#base';
import { type Destination, uploadTrace } from './collect/upload.ts';
import { Collector, freshName } from './testing/collector.ts';
import { oldBody, post } from './testing/old-client.ts';

const ID = '1795276800.000000001';
/** `WINDROW_UPLOAD_BYTES=5000000000` for the large one. */
const LARGE_BYTES = Number(process.env.WINDROW_UPLOAD_BYTES ?? 100_000_000);

/** A way to the collector that breaks off after a number of bytes, once for each number. */
async function openBreakingProxy(
  port: number,
  breaks: number[],
): Promise<{ port: number; server: Server }> {
  const server = createServer((client: Socket) => {
    const upstream = connect(port, '127.0.0.1');
    const most = breaks.shift() ?? Number.POSITIVE_INFINITY;
    let passed = 0;
    client.on('data', (piece) => {
      passed += piece.length;
      upstream.write(piece);
      if (passed > most) {
        client.resetAndDestroy();
        upstream.resetAndDestroy();
      }
    });
    upstream.pipe(client);
    for (const socket of [client, upstream]) socket.on('error', () => {});
    client.on('close', () => upstream.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as { port: number }).port, server };
}

describe('a resumable upload', () => {
  let collector: Collector;
  let directory: string;
  const dispatcher = new Agent();
  before(async () => {
    collector = await Collector.open({ limits: { fileBytes: 2 ** 26 } });
    directory = mkdtempSync(join(tmpdir(), 'windrow-upload-'));
  });
  after(async () => {
    await dispatcher.close();
    await collector.close();
    rmSync(directory, { recursive: true });
  });

  const made = (bytes: number) => {
    const path = join(directory, freshName());
    const content = randomBytes(bytes);
    writeFileSync(path, content);
    return { path, content };
  };
  const destination = (url = collector.url, account = 'rocks'): Destination => ({
    url,
    dispatcher,
    account,
    secret: '',
  });
  const send = (
    path: string,
    name: string,
    to = destination(),
    signal = new AbortController().signal,
  ) =>
    uploadTrace(to, {
      id: ID,
      name,
      path,
      file: path,
      memory: join(directory, 'begun'),
      signal,
      onProgress: () => {},
    });
  const stored = (name: string) => readFileSync(join(collector.directory, ID, name));

  for (const bytes of [0, 1, 5_000_000]) {
    it(`brings ${bytes} bytes home`, async () => {
      const { path, content } = made(bytes);
      const name = freshName();
      const uploaded = await send(path, name);
      assert.deepEqual(stored(name), content);
      assert.equal(uploaded.storedAs, name);
      assert.equal(uploaded.sha256, createHash('sha256').update(content).digest('hex'));
    });
  }

  it(`brings ${LARGE_BYTES} bytes home in bounded memory`, { timeout: 900_000 }, async (t) => {
    const collector = await Collector.open({
      limits: { fileBytes: LARGE_BYTES, idBytes: LARGE_BYTES },
    });
    t.after(() => collector.close());
    const path = join(directory, 'large');
    // With holes: the bytes that are read and sent are as many.
    writeFileSync(path, 'begins');
    truncateSync(path, LARGE_BYTES);
    const before = process.memoryUsage().rss;
    let most = before;
    const watching = setInterval(() => {
      most = Math.max(most, process.memoryUsage().rss);
    }, 100);
    t.after(() => clearInterval(watching));
    const { sha256, bytes } = await send(path, 'large', destination(collector.url));
    assert.equal(bytes, LARGE_BYTES);
    assert.equal(await collector.store.isWhole(ID, 'large'), true);
    assert.equal((await collector.store.find(ID, 'large'))?.sha256, sha256);
    // Sender and collector are one process here; with what garbage may gather.
    const grownMiB = (most - before) / 2 ** 20;
    t.diagnostic(`memory grew by ${Math.round(grownMiB)} MiB`);
    assert.ok(grownMiB < 300, `memory grew by ${Math.round(grownMiB)} MiB`);
  });

  it('goes on behind what arrived when the connection breaks, again and again', async () => {
    const { path, content } = made(8_000_000);
    const { port, server } = await openBreakingProxy(
      collector.port,
      [3_000_000, 1_000_000, 100, 2_000_000],
    );
    try {
      const name = freshName();
      await send(path, name, destination(`http://127.0.0.1:${port}`));
      assert.deepEqual(stored(name), content);
    } finally {
      server.close();
    }
  });

  it('goes on after the collector was restarted, and shows no part of a file', async () => {
    const { path, content } = made(8_000_000);
    const { port, server } = await openBreakingProxy(collector.port, [4_000_000]);
    try {
      const name = freshName();
      const sending = send(path, name, destination(`http://127.0.0.1:${port}`));
      await collector.stop();
      assert.throws(() => stored(name), /ENOENT/);
      await collector.start();
      await sending;
      assert.deepEqual(stored(name), content);
    } finally {
      server.close();
    }
  });

  it('goes on in another run where the first one was ended', async () => {
    const { path, content } = made(20_000_000);
    const name = freshName();
    const ending = new AbortController();
    let most = 0;
    const first = uploadTrace(destination(), {
      id: ID,
      name,
      path,
      file: path,
      memory: join(directory, 'begun'),
      signal: ending.signal,
      onProgress: (sent) => {
        if (sent > 5_000_000) ending.abort(new Error('the user ended it'));
      },
    });
    await assert.rejects(first, /TRACE_UPLOAD_FAILED|the user ended it/);
    await uploadTrace(destination(), {
      id: ID,
      name,
      path,
      file: path,
      memory: join(directory, 'begun'),
      signal: new AbortController().signal,
      onProgress: (sent) => {
        if (most === 0) most = sent;
      },
    });
    assert.ok(most > 1_000_000, `it began again at ${most}`);
    assert.deepEqual(stored(name), content);
  });

  it('of something else than was announced is refused and leaves nothing', async () => {
    const bytes = randomBytes(1000);
    const wrong = createHash('sha256').update('other').digest('hex');
    const meta = Object.entries({ username: 'rocks', id: ID, filename: 'wrong', sha256: wrong })
      .map(([key, value]) => `${key} ${Buffer.from(value).toString('base64')}`)
      .join(',');
    const headers = { 'Tus-Resumable': '1.0.0', 'Upload-Length': '1000', 'Upload-Metadata': meta };
    const begun = await fetch(`${collector.url}/traces/uploads`, { method: 'POST', headers });
    const at = new URL(begun.headers.get('location')!, collector.url);
    const sent = await fetch(at, {
      method: 'PATCH',
      headers: {
        'Tus-Resumable': '1.0.0',
        'Upload-Offset': '0',
        'Content-Type': 'application/offset+octet-stream',
      },
      body: bytes,
    });
    assert.equal(sent.status, 460);
    assert.match(await sent.text(), /TRACE_DIGEST_WRONG/);
    assert.throws(() => stored('wrong'), /ENOENT/);
    const again = await fetch(at, { method: 'HEAD', headers: { 'Tus-Resumable': '1.0.0' } });
    assert.equal(again.status, 404);
  });

  it('is told to be done when the last answer was lost', async () => {
    const { path } = made(1000);
    const name = freshName();
    await send(path, name);
    const done = (await collector.incoming()).find((file) => file.endsWith('.json'))!;
    const at = `${collector.url}/traces/uploads/${done.replace('.json', '')}`;
    const head = await fetch(at, { method: 'HEAD', headers: { 'Tus-Resumable': '1.0.0' } });
    assert.equal(head.status, 200);
    assert.equal(head.headers.get('upload-offset'), head.headers.get('upload-length'));
  });

  it('counts as sent only when it is stored: one that came whole but found no place gets it later', async () => {
    const { path, content } = made(3000);
    const name = freshName();
    const { store } = collector;
    const admit = store.admit.bind(store);
    let refusals = 0;
    store.admit = async (arrival) => {
      if (refusals++ < 2) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
      return await admit(arrival);
    };
    const uploaded = await send(path, name);
    assert.equal(uploaded.storedAs, name);
    assert.deepEqual(stored(name), content);
    assert.ok(refusals >= 3, `it was tried ${refusals} times`);
    store.admit = admit;
  });

  it('is refused with its reason: account, name, size', async () => {
    const { path } = made(10);
    const large = made(2 ** 26 + 1).path;
    const cases: [send: () => Promise<unknown>, reason: RegExp][] = [
      [() => send(path, 'f', destination(collector.url, 'mallory')), /403.*account/],
      [() => send(path, '../f'), /400.*separator/],
      [() => send(large, 'large'), /413/],
    ];
    for (const [sending, reason] of cases) {
      await assert.rejects(sending, (error: WindrowError) => {
        assert.equal(error.code, 'TRACE_UPLOAD_REFUSED');
        assert.match(error.message, reason);
        return true;
      });
    }
  });

  it('that would find no room is refused when it begins, and while it comes when others took the room', async (t) => {
    const id = '1795276800.000000077';
    const idBytes = 10_000;
    const collector = await Collector.open({ limits: { idBytes } });
    t.after(() => collector.close());
    const begin = (filename: string, bytes: number, sha256 = '0'.repeat(64)) => {
      const meta = Object.entries({ username: 'rocks', id, filename, sha256 })
        .map(([key, value]) => `${key} ${Buffer.from(value).toString('base64')}`)
        .join(',');
      const headers = {
        ...{ 'Tus-Resumable': '1.0.0', 'Upload-Length': String(bytes), 'Upload-Metadata': meta },
      };
      return fetch(`${collector.url}/traces/uploads`, { method: 'POST', headers });
    };
    const admit = async (name: string, bytes: number) => {
      const path = join(collector.store.incoming, freshName());
      writeFileSync(path, Buffer.alloc(bytes));
      const sha256 = await collector.store.digests.ofFile(path);
      await collector.store.admit({ path, id, name, sha256, bytes, sender: null });
      return sha256;
    };
    const early = await begin('too-large', idBytes + 1);
    assert.equal(early.status, 413);
    assert.match(await early.text(), /TRACE_ID_FULL/);
    const late = await begin('late', idBytes - 100);
    assert.equal(late.status, 201);
    const sha256 = await admit('other', 1000);
    const headers = { 'Tus-Resumable': '1.0.0', 'Upload-Offset': '0' };
    const sent = await fetch(new URL(late.headers.get('location')!, collector.url), {
      method: 'PATCH',
      headers: { ...headers, 'Content-Type': 'application/offset+octet-stream' },
      body: Buffer.alloc(50),
    });
    assert.equal(sent.status, 413);
    assert.match(await sent.text(), /TRACE_ID_FULL/);
    await admit('rest', idBytes - 1000);
    assert.equal((await begin('one-more', 1)).status, 413);
    assert.equal((await begin('other', 1000, sha256)).status, 201, 'it is there and needs no room');
    const bytes = Buffer.alloc(6 << 20);
    const fields = { username: 'rocks', filename: 'form', bytes };
    const form = await post(collector.port, oldBody({ ...fields, id: `${id}1` }));
    assert.equal(form.status, 413);
    assert.match(form.body, /TRACE_ID_FULL/);
  });

  it('that is sent wrongly hears why, and can be gone on with rightly', async () => {
    const content = randomBytes(300_000);
    const sha256 = createHash('sha256').update(content).digest('hex');
    const name = freshName();
    const meta = Object.entries({ username: 'rocks', id: ID, filename: name, sha256 })
      .map(([key, value]) => `${key} ${Buffer.from(value).toString('base64')}`)
      .join(',');
    const tus = { 'Tus-Resumable': '1.0.0' };
    const begun = await fetch(`${collector.url}/traces/uploads`, {
      method: 'POST',
      headers: { ...tus, 'Upload-Length': String(content.length), 'Upload-Metadata': meta },
    });
    const at = new URL(begun.headers.get('location')!, collector.url);
    const type = { 'Content-Type': 'application/offset+octet-stream' };
    const right = { ...tus, ...type, 'Upload-Offset': '0' };
    const patch = async (
      headers: Record<string, string>,
      body: NonNullable<RequestInit['body']>,
      to = at,
    ) => {
      const sent = await fetch(to, { method: 'PATCH', headers, body, duplex: 'half' });
      return [sent.status, sent.headers.get('tus-resumable')];
    };
    /** Of no announced length. */
    const stream = (bytes: Uint8Array<ArrayBuffer>) => new Blob([bytes]).stream();
    const nowhere = new URL('/traces/uploads/0123456789abcdef0123456789abcdef', at);
    const told = [
      await patch({ ...type, 'Upload-Offset': '0' }, content),
      await patch({ ...right, 'Content-Type': 'text/plain' }, content),
      await patch({ ...tus, ...type }, content),
      await patch({ ...right, 'Upload-Offset': '-1' }, content),
      await patch({ ...right, 'Upload-Offset': '10' }, content),
      await patch(right, Buffer.concat([content, content])),
      await patch(right, content, nowhere),
    ];
    assert.deepEqual(
      told.map(([status]) => status),
      [412, 415, 400, 400, 409, 413, 404],
    );
    assert.ok(told.every(([, version]) => version === '1.0.0'));
    assert.throws(() => stored(name), /ENOENT/);
    assert.deepEqual(await patch(right, stream(content.subarray(0, 1000))), [204, '1.0.0']);
    const rest = { ...right, 'Upload-Offset': '1000' };
    const tooMuch = Buffer.concat([content.subarray(1000), Buffer.alloc(1000)]);
    assert.deepEqual(await patch(rest, stream(tooMuch)), [413, '1.0.0']);
    const head = await fetch(at, { method: 'HEAD', headers: tus });
    const offset = head.headers.get('upload-offset')!;
    const last = stream(content.subarray(Number(offset)));
    assert.deepEqual(await patch({ ...right, 'Upload-Offset': offset }, last), [204, '1.0.0']);
    assert.deepEqual(stored(name), content);
    assert.deepEqual(collector.faults, []);
  });

  it('may come a hundred at once', async () => {
    const names = Array.from({ length: 100 }, freshName);
    const files = names.map(() => made(20_000));
    await Promise.all(names.map((name, index) => send(files[index]!.path, name)));
    for (const [index, name] of names.entries())
      assert.deepEqual(stored(name), files[index]!.content);
    assert.deepEqual(collector.faults, []);
  });

  it('whose sender stalls can be taken over by the sender that comes back', async () => {
    const content = randomBytes(2000);
    const sha256 = createHash('sha256').update(content).digest('hex');
    const name = freshName();
    const meta = Object.entries({ username: 'rocks', id: ID, filename: name, sha256 })
      .map(([key, value]) => `${key} ${Buffer.from(value).toString('base64')}`)
      .join(',');
    const headers = { 'Tus-Resumable': '1.0.0', 'Upload-Length': '2000', 'Upload-Metadata': meta };
    const begun = await fetch(`${collector.url}/traces/uploads`, { method: 'POST', headers });
    const at = begun.headers.get('location')!;
    const stalled = connect(collector.port, '127.0.0.1');
    stalled.on('error', () => {});
    stalled.write(
      `PATCH ${at} HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n` +
        'Content-Type: application/offset+octet-stream\r\nContent-Length: 2000\r\n\r\n',
    );
    stalled.write(content.subarray(0, 500));
    const offsetNow = async () => {
      const head = await fetch(new URL(at, collector.url), {
        method: 'HEAD',
        headers: { 'Tus-Resumable': '1.0.0' },
      });
      return Number(head.headers.get('upload-offset'));
    };
    const offset = await offsetNow();
    const sent = await fetch(new URL(at, collector.url), {
      method: 'PATCH',
      headers: {
        'Tus-Resumable': '1.0.0',
        'Upload-Offset': String(offset),
        'Content-Type': 'application/offset+octet-stream',
      },
      body: content.subarray(offset),
    });
    stalled.destroy();
    assert.equal(sent.status, 204);
    assert.deepEqual(stored(name), content);
  });
});
