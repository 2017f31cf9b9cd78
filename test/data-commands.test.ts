import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { systemClock } from '#base';
import { openCredentials, openDatastore, openHttpTransport, proxyRules } from '#datastore';
import { openData } from '../src/bin/data.ts';
import { openField, TOKEN } from '../src/server/testing/field.ts';
import { openWay } from '../src/server/testing/way.ts';
import { type CliWorld, openCliWorld, type Said } from './cli-world.ts';

type Data = (...words: string[]) => Promise<Said>;

async function openOrigin(t: TestContext): Promise<string> {
  const server = createServer((request, response) => {
    if (request.url === '/a') response.setHeader('etag', '"a"').end('first');
    else response.writeHead(404).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  t.after(() => server.closeAllConnections());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Whatever the datastore, the commands are the same. */
async function useAll(data: Data, { directory }: CliWorld, url: string): Promise<void> {
  const fetched = await data('fetch', `${url}/a`, `${url}/none`);
  assert.equal(fetched.code, 1);
  assert.equal(readFileSync(fetched.stdout.trim(), 'utf8'), 'first');
  assert.match(fetched.stderr, /answered 404(?:.|\n)*DATA_REFUSED/);

  writeFileSync(join(directory, 'file'), 'second file');
  const put = await data('put', 'file', 'lab:file', '--json');
  assert.equal(JSON.parse(put.stdout).bytes, 11);
  assert.equal((await data('get', 'lab:file')).stdout, 'second file');
  assert.equal((await data('put', 'missing', 'lab:x')).code, 1);
  const wrong = await data('put', 'file', 'lab:file', '--sha256', '0'.repeat(64));
  assert.match(wrong.stderr, /DATA_PUT_WRONG/);

  const listed = await data('ls', '--sort', 'size', '--json');
  const keys = listed.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).key);
  assert.deepEqual(keys, ['lab:file', `${url}/a`]);
  assert.match((await data('ls', 'lab')).stdout, /^SIZE.*KEY\n11 B .* lab:file\n$/);

  const large = await data(
    'ls',
    '--constraint',
    'Bytes > 6 && !Pinned',
    '--attributes',
    'Key,Bytes',
  );
  assert.equal(large.stdout, 'Key       Bytes\nlab:file  11\n');
  assert.match((await data('ls', '--constraint', 'Bytes >')).stderr, /CLASSAD_SYNTAX_WRONG/);

  assert.equal((await data('pin', 'lab:file')).code, 0);
  assert.match((await data('rm', 'lab:file')).stderr, /DATA_PINNED/);
  const stat = await data('stat', 'lab:file', 'lab:none');
  assert.equal(stat.code, 1);
  assert.match(stat.stdout, /pinned by: +user/);
  assert.match(stat.stderr, /lab:none is not in the datastore/);

  assert.equal((await data('verify')).stdout, '2 good (16 B), 0 damaged\n');
  assert.match((await data('purge', '--to', '0 B')).stdout, /^1 removed, 5 B freed; 1 are pinned/);
  assert.equal((await data('unpin')).stdout, '1 unpinned\n');
  assert.equal((await data('rm', 'lab:file')).code, 0);
  assert.equal(JSON.parse((await data('du', '--json')).stdout).entries, 0);
  assert.equal((await data('fetch', '--sha256', 'zz', url)).code, 2);
}

test('windrow data: fetched, listed, shown, pinned, checked, purged, with codes that scripts can use', async (t) => {
  const world = openCliWorld({
    composition: {
      openData: (options) => openData(options, world.world.surroundings, systemClock),
    },
  });
  t.after(() => world.close());
  const store = join(world.directory, 'store');
  const data: Data = (...words) => world.windrow('data', ...words, '--data-dir', store);
  await useAll(data, world, await openOrigin(t));
  const both = await data('ls', '--server', 'http://127.0.0.1:1');
  assert.equal(both.code, 2);
});

test('windrow data --server: the same of the datastore of a server, by its HTTP API', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'windrow-data-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const common = { clock: systemClock, random: Math.random, onEvent: () => {} };
  const proxies = proxyRules('', {});
  const places = { netrc: join(directory, 'netrc'), file: join(directory, 'credentials') };
  const credentials = openCredentials({
    ...places,
    isFileNamed: false,
    environment: {},
    home: directory,
    clock: systemClock,
  });
  const asking = { ...common, proxies, credentials };
  const transports = [openHttpTransport({ ...asking, userAgent: 'test' })];
  const store = await openDatastore({ directory: join(directory, 'data'), transports, ...common });
  t.after(() => store.close());
  const field = await openField(t, { data: { store, schemes: new Set(['http']) } });
  const world = openCliWorld({ environment: { WINDROW_TOKEN: TOKEN } });
  t.after(() => world.close());
  const data: Data = (...words) => world.windrow('data', ...words, '--server', field.url);
  await useAll(data, world, await openOrigin(t));
});

test('windrow data put and get go on where the connection broke, and where an earlier run was', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'windrow-data-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const common = { clock: systemClock, random: Math.random, onEvent: () => {}, transports: [] };
  const store = await openDatastore({ directory: join(directory, 'data'), ...common });
  t.after(() => store.close());
  const field = await openField(t, { data: { store, schemes: new Set() } });
  const way = await openWay(t, field.url);
  const home = { WINDROW_TOKEN: TOKEN, XDG_STATE_HOME: directory };
  const world = openCliWorld({ environment: home });
  t.after(() => world.close());
  const data: Data = (...words) => world.windrow('data', ...words, '--server', way.url);
  const content = randomBytes(9_000_000);
  const sha256 = createHash('sha256').update(content).digest('hex');
  const path = (name: string) => join(world.directory, name);
  const is = (name: string) => assert.ok(readFileSync(path(name)).equals(content), name);
  writeFileSync(path('mesh'), content);

  way.cutAfterBytes = 3_000_000;
  const put = await data('put', 'mesh', 'lab:ä mesh', '--json');
  assert.equal(put.code, 0, put.stderr);
  assert.equal(JSON.parse(put.stdout).sha256, sha256);
  assert.equal(way.cutAfterBytes, Number.POSITIVE_INFINITY, 'the connection broke');
  assert.ok(way.sentBytes < content.length + 1_500_000, `${way.sentBytes} bytes were sent`);
  const wrong = await data('put', 'mesh', 'lab:other', '--sha256', '0'.repeat(64));
  assert.match(wrong.stderr, /its SHA-256 is .*DATA_FILE_FAILED/s);
  assert.deepEqual(readdirSync(join(field.root, 'state', 'uploads')).filter(isData), []);

  way.answeredBytes = 0;
  way.cutAfterAnsweredBytes = 3_000_000;
  const got = await data('get', 'lab:ä mesh', '-o', 'got');
  assert.equal(got.code, 0, got.stderr);
  is('got');
  assert.equal(way.cutAfterAnsweredBytes, Number.POSITIVE_INFINITY, 'the connection broke');
  assert.ok(way.answeredBytes < content.length + 1_500_000, `${way.answeredBytes} bytes came`);

  way.answeredBytes = 0;
  const part = `later.${sha256.slice(0, 12)}.part`;
  writeFileSync(path(part), content.subarray(0, 8_000_000));
  assert.equal((await data('get', 'lab:ä mesh', '-o', 'later')).code, 0);
  is('later');
  assert.ok(way.answeredBytes < 1_500_000, `${way.answeredBytes} bytes came`);
  writeFileSync(path(part), randomBytes(8_000_000));
  const damaged = await data('get', 'lab:ä mesh', '-o', 'later');
  assert.match(damaged.stderr, /DATA_GOT_DAMAGED/);
  is('later');
  assert.equal((await data('get', 'lab:ä mesh', '-o', 'later')).code, 0);
  is('later');
  assert.deepEqual(
    readdirSync(world.directory).filter((name) => name.endsWith('.part')),
    [],
  );
});

const isData = (name: string) => name.endsWith('.data');
