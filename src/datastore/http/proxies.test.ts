import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ManualClock } from '#base';
import { bytesOf, openOrigin, serve, sha256Of } from '../testing/origin.ts';
import { hasSquid, openSquid } from '../testing/squid.ts';
import { openStore, readHeld, until } from '../testing/store.ts';
import { Proxies, parseProxies, proxyRules } from './proxies.ts';

const FILE = { bytes: bytesOf(100_000, 1), etag: '"one"' };
const CACHED = { 'cache-control': 'public, max-age=600' };

async function openStoreBehind(t: TestContext, proxy: string, proxyAnswerMs = 30_000) {
  const rules = parseProxies(proxy);
  const times = { connectMs: 30_000, proxyAnswerMs };
  return openStore(t, { http: { proxies: { http: rules, https: rules, none: [] }, times } });
}

/** Fetches one file through a proxy, which may be at fault, and says which way it came. */
async function viaOf(t: TestContext, proxy: string, proxyAnswerMs?: number) {
  const origin = await openOrigin(t);
  const store = await openStoreBehind(t, proxy, proxyAnswerMs);
  const ways: string[] = [];
  for (const path of ['/one', '/two']) {
    const key = origin.on(path, (q, r) => serve(q, r, FILE, CACHED));
    const held = await store.ensure({ key, mode: 'immutable' });
    ways.push(held.way.via);
    assert.ok((await readHeld(held)).equals(FILE.bytes));
  }
  return { ways, told: store.events.filter(({ kind }) => kind === 'proxy-failed').length };
}

test('a squid that works is asked, and asks the origin once for many stores', {
  skip: !hasSquid && 'there is no squid',
}, async (t) => {
  const squid = await openSquid(t);
  const origin = await openOrigin(t);
  const key = origin.on('/file', (q, r) => serve(q, r, FILE, CACHED));
  for (let machine = 0; machine < 3; machine++) {
    const store = await openStoreBehind(t, squid.url);
    const held = await store.ensure({ key, mode: 'immutable' });
    assert.equal(held.way.via, `proxy ${new URL(squid.url).host}`);
    assert.ok((await readHeld(held)).equals(FILE.bytes));
  }
  assert.equal(origin.countOf('/file'), 1);
});

const FAULTS = [
  { does: 'refuses', rules: ['http_access deny all'] },
  { does: 'answers 503', rules: ['http_access deny all', 'deny_info 503:ERR_CANNOT_FORWARD all'] },
];
for (const { does, rules } of FAULTS) {
  test(`a squid that ${does} is passed over, which is told once`, {
    skip: !hasSquid && 'there is no squid',
  }, async (t) => {
    const { url } = await openSquid(t, rules);
    const way = `direct after proxy ${new URL(url).host} failed`;
    assert.deepEqual(await viaOf(t, url), { ways: [way, way], told: 1 });
  });
}

test('a squid that stalls, or is dead, is passed over', {
  skip: !hasSquid && 'there is no squid',
}, async (t) => {
  const squid = await openSquid(t);
  const way = `direct after proxy ${new URL(squid.url).host} failed`;
  squid.process.kill('SIGSTOP');
  assert.deepEqual(await viaOf(t, squid.url, 1500), { ways: [way, way], told: 1 });
  await squid.end();
  assert.deepEqual(await viaOf(t, squid.url), { ways: [way, way], told: 1 });
});

test('the word of an origin counts, and is not the proxy’s fault', {
  skip: !hasSquid && 'there is no squid',
}, async (t) => {
  const squid = await openSquid(t);
  const origin = await openOrigin(t);
  const store = await openStoreBehind(t, squid.url);
  const key = origin.on('/none', (_q, r) => void r.writeHead(404).end());
  await assert.rejects(store.ensure({ key, mode: 'immutable' }), { code: 'DATA_REFUSED' });
  assert.equal(origin.countOf('/none'), 1);
  assert.deepEqual(store.events, []);
});

/** A proxy that spoils one byte of all that it hands on. */
async function openSpoiler(t: TestContext, bytes: Buffer) {
  const spoilt = Buffer.from(bytes);
  spoilt[1000] = 0xff ^ spoilt[1000]!;
  const proxy = await openOrigin(t);
  proxy.on('/file', (q, r) => serve(q, r, { bytes: spoilt, etag: '"one"' }));
  return proxy;
}

test('a proxy that spoils bytes is found out when they come right without it', async (t) => {
  const origin = await openOrigin(t);
  const proxy = await openSpoiler(t, FILE.bytes);
  const store = await openStoreBehind(t, proxy.url);
  const key = origin.on('/file', (q, r) => serve(q, r, FILE));
  const digests = { sha256: sha256Of(FILE.bytes) };
  const held = await store.ensure({ key, mode: 'immutable', digests });
  assert.ok((await readHeld(held)).equals(FILE.bytes));
  assert.deepEqual([proxy.countOf('/file'), origin.countOf('/file')], [1, 1]);
  assert.deepEqual(
    store.events.map(({ kind }) => kind),
    ['proxy-failed', 'stored'],
  );
});

test('a wrong digest, and whoever stops waiting, do a proxy no harm', async (t) => {
  const origin = await openOrigin(t);
  const proxy = await openOrigin(t);
  const store = await openStoreBehind(t, proxy.url);
  const key = origin.on('/file', (q, r) => serve(q, r, FILE));
  proxy.on('/file', (q, r) => serve(q, r, FILE));
  const digests = { sha256: '0'.repeat(64) };
  const asked = store.ensure({ key, mode: 'immutable', digests });
  await assert.rejects(asked, { code: 'DATA_DIGEST_WRONG' });
  const stalling = `${origin.url}/stalling`;
  proxy.on('/stalling', (_q, r) => {
    r.writeHead(200, { 'content-length': '1000' });
    r.write('x');
  });
  const leaving = new AbortController();
  const left = store.ensure({ key: stalling, mode: 'immutable', signal: leaving.signal });
  await until(() => store.underWay().some(({ bytes }) => bytes > 0));
  leaving.abort(new Error('enough'));
  await assert.rejects(left, /enough/);
  await until(() => store.underWay().length === 0);
  assert.deepEqual(store.events, []);
});

test('proxies are groups in order, whose members share the load', () => {
  assert.deepEqual(parseProxies(' squid:3128 | http://b:1/ ; DIRECT '), [
    ['http://squid:3128/', 'http://b:1/'],
    ['DIRECT'],
  ]);
  assert.throws(() => parseProxies('ftp://user:secret@proxy'), {
    code: 'DATA_PROXY_WRONG',
    message: 'ftp://proxy is no address of a proxy',
  });
  assert.throws(() => parseProxies('http://us%er:secret@proxy'), {
    code: 'DATA_PROXY_WRONG',
    message: 'http://proxy is no address of a proxy',
  });
  const clock = new ManualClock();
  const told: string[] = [];
  const rules = {
    http: [['http://a:1/', 'http://b:1/'], ['http://far:1/']],
    https: [],
    none: ['near.example', 'other:8080'],
  };
  const proxies = new Proxies(rules, {
    clock,
    random: () => 0.6,
    onEvent: ({ kind }) => void told.push(kind),
  });
  const names = (url: string) => proxies.waysTo(new URL(url)).map(({ name }) => name);
  assert.deepEqual(names('http://x/'), [
    'proxy b:1',
    'proxy a:1',
    'proxy far:1',
    'direct after proxy b:1, a:1, far:1 failed',
  ]);
  assert.deepEqual(names('https://x/'), ['direct']);
  assert.deepEqual(names('http://sub.near.example/'), ['direct']);
  assert.deepEqual(names('http://other:8080/'), ['direct']);
  assert.equal(names('http://other/').length, 4);
  proxies.failed('http://b:1/', 'it is dead');
  assert.equal(names('http://x/')[0], 'proxy a:1');
  clock.advance(300_001);
  assert.equal(names('http://x/')[0], 'proxy b:1');
  proxies.worked('http://b:1/');
  assert.deepEqual(told, ['proxy-failed', 'proxy-back']);
});

test('the environment says which proxies there are, as curl reads it', () => {
  const rules = proxyRules('', {
    http_proxy: 'http://a:1',
    HTTP_PROXY: 'http://evil:1',
    HTTPS_PROXY: 'http://b:1',
    no_proxy: 'localhost, .internal',
  });
  assert.deepEqual(rules, {
    http: [['http://a:1/']],
    https: [['http://b:1/']],
    none: ['localhost', '.internal'],
  });
  assert.deepEqual(
    proxyRules('', { OSG_SQUID_LOCATION: 'squid:3128', http_proxy: 'http://a:1' }).http,
    [['http://squid:3128/']],
  );
});
