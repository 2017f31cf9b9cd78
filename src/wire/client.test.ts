import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import type { WindrowError } from '#base';
import { ServerClient, type ServerClientOptions } from './client.ts';
import type { ClientEncoding } from './client-offer.ts';
import { wireErrors } from './errors.ts';
import { serverUrl } from './exchange.ts';
import { errorOfProblem, PROBLEM_TYPE, problemOf } from './problem.ts';
import { PROTOCOL_VERSION } from './sync.ts';
import { digestFile } from './transfer.ts';

let directory = '';
const closers: (() => Promise<unknown>)[] = [];

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'windrow-client-'));
});
after(() => rm(directory, { recursive: true }));
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function serve(
  listener: RequestListener,
  options: Partial<ServerClientOptions> = {},
): Promise<ServerClient> {
  const server = createServer(listener);
  const port = await listen(server);
  closers.push(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return connect(`http://127.0.0.1:${port}`, options);
}

function connect(url: string, options: Partial<ServerClientOptions> = {}): ServerClient {
  const client = new ServerClient({ url, session: 's3cret', ...options });
  closers.push(() => client.close());
  return client;
}

function sendJson(response: import('node:http').ServerResponse, value: unknown, status = 200) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

const SYNC_ANSWER = {
  protocol: PROTOCOL_VERSION,
  jobs: [],
  attempts: [],
  cancel: [],
  errands: [],
  data: null,
  settings: {
    leaseMs: 1000,
    slots: null,
    drain: false,
    stop: false,
    tellWalls: false,
    tellOffer: false,
    client: null,
    policy: null,
  },
};

const SYNC = {
  protocol: PROTOCOL_VERSION,
  worker: 'w',
  replaces: null,
  name: 'n',
  version: '1',
  platform: 'linux-x64',
  sequence: 1,
  slots: 1,
  freeSlots: 1,
  memoryBytes: 1,
  walls: null,
  diskFreeBytes: 1,
  offer: null,
  gpus: 0,
  machine: { cpus: 1, loadAverage: 0, memoryFreeBytes: 1, roundTripMs: null, unkillable: 0 },
  awayMs: 0,
  remainingMs: null,
  atMs: 1,
  waitMs: 0,
  draining: false,
  holding: [],
  ended: [],
  declined: [],
  knownJobs: [],
  dataVersion: '',
  store: null,
  peer: null,
  stager: '',
  data: [],
  policyVersion: '',
};

test('many requests share connections, each with the session in its header only', async () => {
  const ports = new Set<unknown>();
  const client = await serve((request, response) => {
    ports.add(request.socket.remotePort);
    assert.equal(request.headers.authorization, 'Bearer s3cret');
    assert.ok(!request.url!.includes('s3cret'));
    request.resume().on('end', () => sendJson(response, SYNC_ANSWER));
  });
  for (let n = 0; n < 20; n++) assert.deepEqual(await client.sync(SYNC), SYNC_ANSWER);
  // The first answer may be read before its connection is free again.
  assert.ok(ports.size <= 2, `${ports.size} connections`);
});

test('an error of the server arrives with its code, message, todo and facts', async () => {
  const sent = wireErrors.create('SESSION_RATE_LIMITED', { address: 'here', retryAfterS: 12 });
  const client = await serve((_, response) => {
    response.writeHead(429, { 'content-type': PROBLEM_TYPE, 'retry-after': '12' });
    response.end(JSON.stringify(problemOf(sent)));
  });
  await assert.rejects(client.getJson('/x'), (got: WindrowError) => {
    assert.deepEqual(
      { code: got.code, message: got.message, todo: got.todo, status: got.status },
      { code: sent.code, message: sent.message, todo: sent.todo, status: 429 },
    );
    assert.deepEqual({ ...got.facts }, { address: 'here', retryAfterS: 12 });
    return true;
  });
});

test('what a problem says is cleaned before it reaches a terminal', () => {
  const json = {
    code: 'EVIL',
    detail: `\u001b[2Jgone\u0007${'x'.repeat(9999)}`,
    facts: { a: { b: 1 }, c: '\u001b' },
  };
  const error = errorOfProblem(json, 400)!;
  assert.doesNotMatch(error.message, /[\u001b\u0007]/);
  assert.ok(error.message.length <= 4000);
  assert.deepEqual({ ...error.facts }, { c: '\ufffd' });
  for (const none of [null, 'x', {}, { code: 'lower' }, { code: 7 }]) {
    assert.equal(errorOfProblem(none, 400), undefined);
  }
});

test('a refusal that is no problem of ours becomes one that names status and place', async () => {
  const client = await serve((_, response) => {
    response.writeHead(502, { 'content-type': 'text/html' }).end('<html>proxy</html>');
  });
  await assert.rejects(client.getJson('/x?secret=1'), {
    code: 'SERVER_REFUSED',
    message: /refused GET \/x with status 502: no reason given/,
  });
});

test('a redirect is not followed: it would carry the session elsewhere', async () => {
  let asked = 0;
  const client = await serve((_, response) => {
    asked++;
    response.writeHead(307, { location: '/elsewhere' }).end();
  });
  await assert.rejects(client.getJson('/x'), { code: 'SERVER_REFUSED' });
  assert.equal(asked, 1);
});

test('where nothing listens the server is unreachable', async () => {
  const server = createTcpServer();
  const port = await listen(server);
  server.close();
  await once(server, 'close');
  const client = connect(`http://127.0.0.1:${port}`);
  await assert.rejects(client.getJson('/x'), {
    code: 'SERVER_UNREACHABLE',
    message: /connection refused/,
  });
});

test('a connection that breaks before the answer says that the outcome is unknown', async () => {
  const client = await serve((request) => request.socket.destroy());
  await assert.rejects(client.postJson('/x', {}), {
    code: 'SERVER_CONNECTION_LOST',
    todo: /may or may not/,
  });
});

test('a server that never answers is given up at the deadline', async () => {
  const client = await serve(() => {}, { timeoutMs: 50 });
  await assert.rejects(client.getJson('/x'), { code: 'SERVER_SILENT' });
});

test('a server that stops within its answer is given up at the deadline', async () => {
  const client = await serve((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).write('{"a":');
  });
  await assert.rejects(client.getJson('/x', { timeoutMs: 50 }), { code: 'SERVER_SILENT' });
});

test('the caller can give up at any time, before or during, and the connection is closed', async () => {
  const arrived = Promise.withResolvers<void>();
  const gone = Promise.withResolvers<void>();
  const client = await serve((request) => {
    request.socket.on('close', () => gone.resolve());
    arrived.resolve();
  });
  const controller = new AbortController();
  const call = client.getJson('/x', { signal: controller.signal });
  const rejected = assert.rejects(call, { code: 'EXCHANGE_ABORTED' });
  await arrived.promise;
  controller.abort();
  await rejected;
  await gone.promise;
  await assert.rejects(client.getJson('/x', { signal: controller.signal }), {
    code: 'EXCHANGE_ABORTED',
  });
});

test('an answer that is too long, no JSON or broken JSON is refused, and the next one works', async () => {
  const client = await serve(
    (request, response) => {
      if (request.url === '/long') sendJson(response, 'x'.repeat(2000));
      else if (request.url === '/html') response.setHeader('content-type', 'text/html').end('<p>');
      else if (request.url === '/broken') {
        response.setHeader('content-type', 'application/json').end('{"a":');
      } else if (request.url === '/none') response.writeHead(204).end();
      else sendJson(response, 'fine');
    },
    { maxAnswerBytes: 1000 },
  );
  await assert.rejects(client.getJson('/long'), { code: 'SERVER_ANSWER_TOO_LARGE' });
  await assert.rejects(client.getJson('/html'), { code: 'SERVER_ANSWER_MALFORMED' });
  await assert.rejects(client.getJson('/broken'), { code: 'SERVER_ANSWER_MALFORMED' });
  assert.equal(await client.getJson('/none'), undefined);
  assert.equal(await client.getJson('/fine'), 'fine');
});

test('something that does not speak HTTP is told apart from a lost connection', async () => {
  const server = createTcpServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end('SSH-2.0-OpenSSH_9.2\r\n'));
  });
  const port = await listen(server);
  closers.push(async () => {
    server.close();
    await once(server, 'close');
  });
  const client = connect(`http://127.0.0.1:${port}`);
  await assert.rejects(client.getJson('/x'), { code: 'SERVER_ANSWER_MALFORMED' });
});

test('addresses of servers are checked, and a password in one is not repeated', () => {
  assert.equal(serverUrl('http://node17:8980/'), 'http://node17:8980');
  assert.equal(serverUrl('HTTP://[::1]:80'), 'http://[::1]');
  for (const wrong of ['', 'node17', 'node17:8980', 'ftp://node17', 'http://node17/v1?x']) {
    assert.throws(() => serverUrl(wrong), { code: 'SERVER_URL_WRONG' }, wrong);
  }
  assert.throws(
    () => serverUrl('http://me:hunter2@node17'),
    (error: WindrowError) => !JSON.stringify([error.message, error.facts]).includes('hunter2'),
  );
});

test('a file is uploaded byte for byte with its length and digest', async () => {
  const file = join(directory, 'upload');
  for (const bytes of [0, 1, 3_000_000]) {
    const content = randomBytes(bytes);
    await writeFile(file, content);
    const expected = await digestFile(file);
    const got: Buffer[] = [];
    const client = await serve((request, response) => {
      assert.equal(request.headers['content-length'], String(bytes));
      const digest = createHash('sha256').update(content).digest('base64');
      assert.equal(request.headers['repr-digest'], `sha-256=:${digest}:`);
      request.on('data', (chunk) => got.push(chunk));
      request.on('end', () => response.writeHead(204).end());
    });
    await client.uploadPart(7, 0, file, expected);
    assert.ok(Buffer.concat(got).equals(content));
  }
});

test('a file that shrank since it was measured is not sent as if it had not', async () => {
  const file = join(directory, 'shrinking');
  await writeFile(file, randomBytes(5_000_000));
  const expected = await digestFile(file);
  let completed = 0;
  const client = await serve((request, response) => {
    request.on('error', () => {});
    request.once('data', () => truncate(file, 1_000_000));
    request.resume().on('end', () => {
      completed++;
      response.end();
    });
  });
  await assert.rejects(client.uploadPart(7, 0, file, expected), { code: 'FILE_CHANGED' });
  await assert.rejects(client.uploadPart(7, 0, file, expected), { code: 'FILE_CHANGED' });
  assert.equal(completed, 0);
  await assert.rejects(client.uploadPart(7, 0, `${file}.none`, expected), {
    code: 'FILE_UNUSABLE',
  });
});

test('a server that refuses an upload half-way is heard', async () => {
  const file = join(directory, 'refused');
  await writeFile(file, randomBytes(200_000));
  const client = await serve((request, response) => {
    request.resume();
    sendJson(response, problemOf(wireErrors.create('DISK_FULL', { file: 'f' })), 507);
  });
  const upload = client.uploadPart(7, 0, file, await digestFile(file));
  await assert.rejects(upload, { code: 'DISK_FULL' });
});

test('a download appears whole and verified, or not at all', async () => {
  const content = randomBytes(2_000_000);
  const sha256 = createHash('sha256').update(content).digest('hex');
  const folder = await mkdtemp(join(directory, 'download-'));
  const target = join(folder, 'program');
  let fault: 'none' | 'flip' | 'break' = 'none';
  const client = await serve((request, response) => {
    assert.equal(request.url, `/blobs/${sha256}`);
    if (fault === 'break') {
      response.setHeader('content-length', content.length);
      response.write(content.subarray(0, 1_000_000), () => request.socket.destroy());
    } else {
      response.end(fault === 'flip' ? Buffer.concat([content.subarray(1), Buffer.of(0)]) : content);
    }
  });
  const fetch = (maxBytes = 1e9) =>
    client.downloadFile(`/blobs/${sha256}`, target, { sha256, maxBytes, mode: 0o700 });
  fault = 'flip';
  await assert.rejects(fetch(), { code: 'TRANSFER_DAMAGED' });
  fault = 'break';
  await assert.rejects(fetch(), { code: 'SERVER_CONNECTION_LOST' });
  fault = 'none';
  await assert.rejects(fetch(1_999_999), { code: 'TRANSFER_TOO_LARGE' });
  assert.deepEqual(await readdir(folder), []);
  assert.deepEqual(await fetch(), { bytes: content.length, sha256 });
  assert.deepEqual(await readdir(folder), ['program']);
  assert.ok((await readFile(target)).equals(content));
  assert.equal((await stat(target)).mode & 0o777, 0o700);
});

test('an executable travels as small as it is kept, and what it unpacks to is verified and bounded', async () => {
  const folder = await mkdtemp(join(directory, 'client-'));
  const target = join(folder, 'windrow');
  const content = Buffer.alloc(1_000_000, 'windrow ');
  const sha256 = createHash('sha256').update(content).digest('hex');
  let bytes = zstdCompressSync(content);
  const asked: string[] = [];
  const client = await serve((request, response) => {
    asked.push(request.url!);
    response.end(request.url!.endsWith('zstd') ? bytes : content);
  });
  const fetch = (encodings: ClientEncoding[], maxBytes = content.length) => {
    const offer = { version: '2.0.0', sha256, bytes: content.length, encodings };
    return client.fetchClient('linux-x64', offer, target, { sha256, maxBytes });
  };
  await fetch(['identity', 'zstd']);
  assert.ok((await readFile(target)).equals(content));
  await fetch(['identity']);
  const path = `/client/linux-x64/${sha256}`;
  assert.deepEqual(asked, [`${path}?encoding=zstd`, path]);
  await assert.rejects(fetch(['zstd'], 999_999), { code: 'TRANSFER_TOO_LARGE' });
  bytes = bytes.subarray(0, -10);
  await assert.rejects(fetch(['zstd']), { code: 'SERVER_CONNECTION_LOST' });
  assert.deepEqual(await readdir(folder), ['windrow']);
});

test('a download to where nothing can be written is no fault of the server', async () => {
  const client = await serve((_, response) => response.end('x'));
  const target = join(directory, 'no-such-directory', 'program');
  await assert.rejects(
    client.downloadFile(`/blobs/${'0'.repeat(64)}`, target, {
      sha256: '0'.repeat(64),
      maxBytes: 10,
    }),
    {
      code: 'FILE_UNUSABLE',
    },
  );
});

test('a transfer whose other end has vanished does not wait for it for ever', async () => {
  const file = join(directory, 'stuck');
  await writeFile(file, randomBytes(20_000_000));
  const expected = await digestFile(file);
  const silent = { code: 'SERVER_SILENT' };
  const options = { idleTimeoutMs: 400 };
  const deaf = await serve((request) => void request.pause());
  await assert.rejects(deaf.uploadPart(7, 0, file, expected, options), silent);
  const mute = await serve((request) => void request.resume());
  await assert.rejects(mute.uploadPart(7, 0, file, expected, options), silent);
  const wanted = { sha256: '0'.repeat(64), maxBytes: 1e9, ...options };
  const target = join(directory, 'stuck-target');
  await assert.rejects(mute.downloadFile(`/blobs/${wanted.sha256}`, target, wanted), silent);
  const stopping = await serve((_, response) => void response.write(randomBytes(100_000)));
  await assert.rejects(stopping.downloadFile(`/blobs/${wanted.sha256}`, target, wanted), silent);
});

test('a transfer that is slow but moves is left alone', async () => {
  const file = join(directory, 'slow');
  await writeFile(file, randomBytes(30_000_000));
  const expected = await digestFile(file);
  const client = await serve((request, response) => {
    // For longer than the pause that is allowed; more than buffers on the way take in.
    const untilMs = performance.now() + 5000;
    request.on('data', () => {
      if (performance.now() > untilMs) return;
      request.pause();
      setTimeout(() => request.resume(), 30);
    });
    request.on('end', () => response.writeHead(204).end());
  });
  const beganMs = performance.now();
  await client.uploadPart(7, 0, file, expected, { idleTimeoutMs: 3000 });
  assert.ok(performance.now() - beganMs > 4000);
});

test('closing breaks off what is under way', async () => {
  const arrived = Promise.withResolvers<void>();
  const client = await serve(() => arrived.resolve());
  const rejected = assert.rejects(client.getJson('/x'), { code: 'SERVER_CONNECTION_LOST' });
  await arrived.promise;
  await client.close();
  await rejected;
});
