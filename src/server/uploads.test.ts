import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ApiClient, UPLOADS_PATH } from '#wire';
import { openField, TOKEN } from './testing/field.ts';
import { openWay } from './testing/way.ts';

const BYTES = 12_000_000;
const sha256Of = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

async function openSender(t: TestContext) {
  const field = await openField(t);
  const directory = mkdtempSync(join(tmpdir(), 'windrow-upload-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const content = randomBytes(BYTES);
  const file = join(directory, 'mesh.nc');
  writeFileSync(file, content);
  const way = await openWay(t, field.url);
  const clientOf = (url: string) => {
    const client = new ApiClient({ url, token: TOKEN });
    t.after(() => client.close());
    return client;
  };
  const send = (
    client: ApiClient,
    memory: string,
    { sha256 = sha256Of(content), signal }: { sha256?: string; signal?: AbortSignal } = {},
  ) =>
    client.sendBlob(
      file,
      { sha256, bytes: BYTES },
      {
        ...{ memory: join(directory, memory), signal },
        onProgress: () => {},
      },
    );
  const blobs = join(field.root, 'state', 'blobs');
  const blob = (sha256 = sha256Of(content)) => join(blobs, sha256);
  const parts = () =>
    readdirSync(join(field.root, 'state', 'uploads')).filter((name) => name.endsWith('.data'));
  return { ...field, directory, content, way, clientOf, send, blob, parts };
}

test('an upload goes on behind what had arrived when its connection drops, and in the next run', async (t) => {
  const { way, clientOf, send, blob, parts, content } = await openSender(t);
  const ending = new AbortController();
  // Once it drops and comes back, then it stays away until the sender is ended.
  way.cutAfterBytes = BYTES / 3;
  way.onCut = () => {
    way.cutAfterBytes = (2 * BYTES) / 3;
    way.onCut = () => {
      way.isDown = true;
      ending.abort();
    };
  };
  await assert.rejects(send(clientOf(way.url), 'memory', { signal: ending.signal }), {
    code: 'EXCHANGE_ABORTED',
  });
  assert.ok(way.isDown && !existsSync(blob()), 'a part of a file is no blob');
  way.isDown = false;
  await send(clientOf(way.url), 'memory');
  assert.ok(way.sentBytes < 1.25 * BYTES, `${way.sentBytes} bytes were sent in all`);
  assert.ok(readFileSync(blob()).equals(content));
  assert.deepEqual(parts(), []);
  const asked = { body: { sha256: [sha256Of(content), '0'.repeat(64)] } };
  const { sha256 } = await clientOf(way.url).call('findMissingBlobs', asked);
  assert.deepEqual(sha256, ['0'.repeat(64)]);
});

test('two who send the same file at once both end well, and one file is kept', async (t) => {
  const { url, clientOf, send, blob, parts, content } = await openSender(t);
  await Promise.all([send(clientOf(url), 'one'), send(clientOf(url), 'two')]);
  assert.ok(readFileSync(blob()).equals(content));
  assert.deepEqual(parts(), []);
});

test('a sender who lies about the digest has nothing stored, and spoils the upload of nobody else', async (t) => {
  const { url, clientOf, send, blob, parts, content } = await openSender(t);
  const other = 'f'.repeat(64);
  await assert.rejects(send(clientOf(url), 'liar', { sha256: other }), (error: Error) =>
    /BLOB_DIGEST_WRONG/.test(error.message),
  );
  assert.ok(!existsSync(blob(other)));
  assert.deepEqual(parts(), []);
  await send(clientOf(url), 'honest');
  assert.ok(readFileSync(blob()).equals(content));
});

test('uploads need the admin token and a digest', async (t) => {
  const { url } = await openSender(t);
  const begin = (headers: Record<string, string>) =>
    fetch(`${url}${UPLOADS_PATH}`, {
      ...{ method: 'POST' },
      headers: { 'tus-resumable': '1.0.0', 'upload-length': '5', ...headers },
    });
  assert.equal((await begin({})).status, 401);
  const authorization = `Bearer ${TOKEN}`;
  assert.equal((await begin({ authorization })).status, 400);
  const metadata = `sha256 ${Buffer.from('../../x').toString('base64')}`;
  assert.equal((await begin({ authorization, 'upload-metadata': metadata })).status, 400);
});
