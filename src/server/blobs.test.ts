/** What workers are handed: programs and inputs by digest, small ones from memory, parts of large ones. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { sendBlocks } from './http/send-blocks.ts';
import { type Field, openField, SESSION, TOKEN } from './testing/field.ts';

type Headers = Readonly<Record<string, string>>;

async function put(field: Field, content: Buffer): Promise<string> {
  const sha256 = createHash('sha256').update(content).digest('hex');
  const authorization = `Bearer ${TOKEN}`;
  const url = `${field.url}/v1/blobs/${sha256}`;
  const answer = await fetch(url, { method: 'PUT', headers: { authorization }, body: content });
  assert.ok(answer.ok, await answer.text());
  return sha256;
}

async function asked(t: TestContext, content: Buffer) {
  const field = await openField(t);
  const sha256 = await put(field, content);
  const path = join(field.root, 'state', 'blobs', sha256);
  const ask = async (headers: Headers = {}, session = SESSION) => {
    const all = { authorization: `Bearer ${session}`, ...headers };
    const answer = await fetch(`${field.url}/blobs/${sha256}`, { headers: all });
    const { status } = answer;
    return { status, headers: answer.headers, body: Buffer.from(await answer.arrayBuffer()) };
  };
  return { ask, path, etag: `"${sha256}"` };
}

for (const [what, bytes] of [
  ['a small file, which is in memory after the first time', 1000],
  ['a file of several blocks', 1_300_000],
  ['an empty file', 0],
] as const) {
  test(`workers get ${what}, whole, in parts, and only with the session`, async (t) => {
    const content = randomBytes(bytes);
    const { ask, etag } = await asked(t, content);
    for (let time = 0; time < 3; time++) {
      const whole = await ask();
      assert.deepEqual([whole.status, whole.headers.get('etag')], [200, etag]);
      assert.equal(whole.headers.get('content-length'), String(bytes));
      assert.ok(whole.body.equals(content));
      assert.equal((await ask({ 'if-none-match': etag })).status, 304);
      assert.equal((await ask({ range: `bytes=${bytes}-` })).status, 416);
      assert.equal((await ask({}, 'another-session-altogether')).status, 403);
    }
    if (bytes === 0) return;
    const part = await ask({ range: `bytes=${bytes - 700}-`, 'if-range': etag });
    assert.equal(part.headers.get('content-range'), `bytes ${bytes - 700}-${bytes - 1}/${bytes}`);
    assert.ok(part.status === 206 && part.body.equals(content.subarray(-700)));
    const other = await ask({ range: 'bytes=5-', 'if-range': '"another"' });
    assert.ok(other.status === 200 && other.body.equals(content));
  });
}

test('a small file that was damaged on the disk is not kept in memory', async (t) => {
  const content = randomBytes(1000);
  const { ask, path } = await asked(t, content);
  writeFileSync(path, randomBytes(1000));
  assert.ok(!(await ask()).body.equals(content));
  writeFileSync(path, content);
  assert.ok((await ask()).body.equals(content), 'what was mended is sent');
});

test('an answer whose file is shorter than it was is broken off, not ended', async (t) => {
  const path = join(mkdtempSync(join(tmpdir(), 'windrow-blocks-')), 'file');
  t.after(() => rmSync(dirname(path), { recursive: true }));
  writeFileSync(path, randomBytes(1000));
  const server = createServer(async (_request, response) => {
    await using file = await open(path);
    response.writeHead(200, { 'Content-Length': 3_000_000 });
    await sendBlocks(response, file, { start: 0, end: 2_999_999 });
  }).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const answer = await fetch(`http://127.0.0.1:${port}/`);
  await assert.rejects(answer.arrayBuffer());
});
