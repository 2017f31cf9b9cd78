import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { systemClock } from '#base';
import { openCredentials, openDatastore, openHttpTransport, proxyRules } from '#datastore';
import { openData } from '../src/bin/data.ts';
import { openField, TOKEN } from '../src/server/testing/field.ts';
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
  assert.match(wrong.stderr, /DATA_DIGEST_WRONG/);

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
