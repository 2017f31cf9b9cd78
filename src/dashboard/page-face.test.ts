import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { PageFace } from './page-face.ts';

describe('the files of the page', () => {
  const root = mkdtempSync(join(tmpdir(), 'windrow-page-'));
  const folder = join(root, 'page');
  const faces = { built: new PageFace(folder), missing: new PageFace(join(folder, 'nowhere')) };
  let face = faces.built;
  let server: Server;
  let url: string;

  before(async () => {
    mkdirSync(folder);
    writeFileSync(join(folder, 'index.html'), '<!doctype html>');
    writeFileSync(join(folder, 'page-AB12.js'), 'let page;'.repeat(100));
    server = createServer((asked, answer) => void face.handle(asked, answer));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
    rmSync(root, { recursive: true });
  });

  it('are for GET and HEAD, and leave everything else to the server', () => {
    assert.ok(face.isMeant('/', 'GET') && face.isMeant('/assets/x', 'HEAD'));
    assert.ok(!face.isMeant('/', 'POST') && !face.isMeant('/v1/jobs', 'GET'));
  });

  it('come under rules that let nothing else run', async () => {
    const { headers, status } = await fetch(url);
    assert.equal(status, 200);
    const policy = headers.get('content-security-policy')!;
    assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/);
    assert.doesNotMatch(policy, /unsafe|\*|data:|https?:/);
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
    assert.equal(headers.get('cache-control'), 'no-cache');
  });

  it('are kept for ever when their name holds their digest, and asked for by ETag else', async () => {
    const asset = await fetch(`${url}/assets/page-AB12.js`);
    assert.equal((await asset.text()).length, 900);
    assert.match(asset.headers.get('cache-control')!, /immutable/);
    assert.equal(asset.headers.get('content-encoding'), 'gzip');
    const etag = (await fetch(url)).headers.get('etag')!;
    const again = await fetch(url, { headers: { 'if-none-match': etag } });
    assert.equal(again.status, 304);
  });

  it('are only those that lie in their folder', async () => {
    writeFileSync(join(root, 'outside'), 'secret');
    for (const path of ['/assets/../outside', '/assets/%2e%2e/outside', '/assets/']) {
      assert.equal(await statusOf(path), 404, path);
    }
  });

  it('say so when they were never built', async () => {
    face = faces.missing;
    const answer = await fetch(url);
    face = faces.built;
    assert.equal(answer.status, 503);
    assert.equal(((await answer.json()) as { code: string }).code, 'PAGE_NOT_BUILT');
  });

  /** As it is written: `fetch` would tidy the path up. */
  function statusOf(path: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const { port } = server.address() as AddressInfo;
      const asked = request({ port, host: '127.0.0.1', path }, (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      });
      asked.on('error', reject).end();
    });
  }
});
