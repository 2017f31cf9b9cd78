import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { systemClock } from '#base';
import { type Datastore, openDatastore, type StoreEvent } from '#datastore';
import { type Field, openField, TOKEN } from './testing/field.ts';

const auth = { authorization: `Bearer ${TOKEN}` };

async function openWithData(t: TestContext): Promise<Field & { data: Datastore }> {
  const root = mkdtempSync(join(tmpdir(), 'windrow-server-'));
  const onEvent = (_event: StoreEvent) => {};
  const common = { clock: systemClock, random: Math.random, onEvent, transports: [] };
  const data = await openDatastore({ directory: join(root, 'data'), ...common });
  const field = await openField(t, { root, data: { store: data, schemes: new Set() } });
  t.after(() => data.close());
  t.after(() => rmSync(root, { recursive: true, force: true }));
  return Object.assign(field, { data });
}

const put = (data: Datastore, key: string, bytes: string | Buffer) =>
  data.put(Readable.from([Buffer.from(bytes)]), { key });

test('pages of a list are of one moment, whatever happens to the store between them', async (t) => {
  const { api, data } = await openWithData(t);
  for (let number = 10; number < 16; number++) await put(data, `key:${number}`, `${number}`);
  const list = (query: string) => api('GET', `/v1/data?${query}`);
  const first = (await list('sort=key&limit=2&containing=key')).json;
  await put(data, 'key:11a', 'comes between');
  await data.remove('key:13');
  await put(data, 'key:14', 'longer than it was');
  const second = (await list(`limit=2&cursor=${first.next}`)).json;
  const third = (await list(`limit=9&cursor=${second.next}`)).json;
  const pages = [first, second, third];
  const entries = pages.flatMap((page) => page.entries);
  assert.deepEqual(
    entries.map(({ key, bytes }) => `${key} ${bytes}`),
    ['key:10 2', 'key:11 2', 'key:12 2', 'key:13 2', 'key:14 2', 'key:15 2'],
  );
  assert.ok(pages.every(({ matching, atMs }) => matching === 6 && atMs === first.atMs));
  assert.equal(third.next, null);
  const now = (await list('sort=bytes&order=descending&limit=1')).json;
  assert.deepEqual(
    now.entries.map(({ key }: { key: string }) => key),
    ['key:14'],
  );
  const gone = await list('cursor=0123456789abcdef.2');
  assert.equal(gone.status, 410);
  assert.equal(gone.json.code, 'DATA_CURSOR_GONE');
  await data.pin('key:12', 'user');
  assert.equal((await list('pinned=yes')).json.matching, 1);
});

test('the bytes of an entry are read by range, and what was being read is held for no longer', async (t) => {
  const { url, data, root } = await openWithData(t);
  const content = Buffer.alloc(8_000_000, 'windrow ');
  await put(data, 'lab:large', content);
  const get = (headers: Record<string, string>) =>
    fetch(`${url}/v1/data/content?key=lab:large`, { headers: { ...auth, ...headers } });
  const whole = await get({});
  const etag = whole.headers.get('etag')!;
  assert.equal(Number(whole.headers.get('content-length')), content.length);
  assert.ok(Buffer.from(await whole.arrayBuffer()).equals(content));
  const part = await get({ range: 'bytes=8-22' });
  assert.equal(part.status, 206);
  assert.equal(await part.text(), 'windrow windrow');
  assert.equal(part.headers.get('content-range'), `bytes 8-22/${content.length}`);
  const other = await get({ range: 'bytes=9-', 'if-range': '"other"' });
  assert.equal((await other.arrayBuffer()).byteLength, content.length);
  assert.equal((await get({ 'if-none-match': etag })).status, 304);
  assert.equal((await get({ range: 'bytes=9000000-' })).status, 416);
  await new Promise<void>((done) => {
    const hangUp = request(`${url}/v1/data/content?key=lab:large`, { headers: auth }, (answer) => {
      answer.once('data', () => answer.destroy());
      answer.once('close', () => done());
    });
    hangUp.end();
  });
  const held = () =>
    readdirSync(join(root, 'data', 'sharers'), { recursive: true }).filter((name) =>
      String(name).includes('/holds/'),
    );
  for (let tries = 0; held().length > 0 && tries < 500; tries++) {
    await new Promise((later) => setTimeout(later, 10));
  }
  assert.deepEqual(held(), []);
});

test('bytes that are put have the digest that was said, or are not stored', async (t) => {
  const { url, api } = await openWithData(t);
  const sha256 = createHash('sha256').update('right').digest('hex');
  const send = (body: string) =>
    fetch(`${url}/v1/data/content?key=lab:x&sha256=${sha256}`, {
      ...{ method: 'PUT', headers: auth, body },
    });
  const wrong = await send('wrong');
  assert.equal(wrong.status, 422);
  assert.match(await wrong.text(), /DATA_PUT_WRONG/);
  assert.equal((await api('GET', '/v1/data/entry?key=lab:x')).status, 404);
  assert.equal((await send('right')).status, 201);
  assert.equal((await api('GET', '/v1/data/entry?key=lab:x')).json.sha256, sha256);
  const usage = (await api('GET', '/v1/data/usage')).json;
  assert.deepEqual([usage.entries, usage.bytes], [1, 5]);
  const metrics = await (await fetch(`${url}/metrics`, { headers: auth })).text();
  assert.match(metrics, /^windrow_data_entries 1$/m);
  assert.match(metrics, /^windrow_data_bytes 5$/m);
  assert.match(metrics, /^windrow_data_misses_total 0$/m);
  assert.equal((await fetch(`${url}/v1/data`)).status, 401);
});

test('an input of the scheme windrow is what lies under that key of the store, or the job says why not', async (t) => {
  const { submit, job, data } = await openWithData(t);
  const { sha256 } = await put(data, 'lab:mesh', 'a mesh');
  const inputOf = (url: string, digest = '') => {
    const rest = { md5: '', mode: 'pin', from: 'server', writable: false, version: null } as const;
    return { name: 'mesh', from: { kind: 'url', url, sha256: digest, ...rest } } as const;
  };
  const staged = async (name: string, input: ReturnType<typeof inputOf>) => {
    const { job: id } = await submit({ name, inputs: [input] });
    while (job(id).staging !== null && job(id).state !== 'failed') {
      await new Promise((later) => setTimeout(later, 5));
    }
    return job(id);
  };
  const [good] = (await staged('good', inputOf('windrow:lab:mesh', sha256))).spec.inputs;
  assert.ok(good?.from.kind === 'url');
  assert.deepEqual(good.from.version, { blob: sha256, bytes: 6, source: 'server' });
  const missing = await staged('missing', inputOf('windrow:lab:none'));
  assert.match(missing.stateReason, /lab:none is not in the datastore of the server/);
  const other = await staged('other', inputOf('windrow:lab:mesh', '0'.repeat(64)));
  assert.match(other.stateReason, /^stage-in: .*SHA-256/);
});
