import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { ask, faultCode, openFace, post, rawExchange, xml } from '../testing/face.ts';
import { until } from '../testing/until.ts';
import { Access, plainAddress } from './access.ts';

const run = promisify(execFile);

describe('a request', () => {
  it('by curl is answered at / and /RPC2, over a connection that stays', async (t) => {
    const { url } = await openFace(t);
    const body = ask('getFileSystems');
    const { stdout, stderr } = await run('curl', [
      ...['-sv', '--data-binary', body, '-H', 'Content-Type: text/xml', `${url}/`, `${url}/RPC2`],
    ]);
    assert.equal(stdout.match(/<array><data><\/data><\/array>/g)?.length, 2);
    assert.match(stderr, /Re-using existing connection|Reusing existing connection/);
    const chunked = await run('curl', [
      ...['-s', '-H', 'Transfer-Encoding: chunked', '-d', body, url],
    ]);
    assert.match(chunked.stdout, /methodResponse/);
  });

  it('that is no POST, or to another place, is refused and says how', async (t) => {
    const { url } = await openFace(t);
    for (const method of ['GET', 'PUT', 'DELETE', 'HEAD', 'OPTIONS']) {
      const response = await fetch(`${url}/`, { method });
      assert.equal(response.status, 405, method);
      assert.equal(response.headers.get('allow'), 'POST');
    }
    assert.equal((await post(`${url}/RPC3`, 'x')).status, 404);
    assert.equal((await post(`${url}/../etc/passwd`, 'x')).status, 404);
  });

  it('that is malformed gets its fault with status 200, and the connection stays', async (t) => {
    const { url } = await openFace(t);
    const cases: [string | Buffer, number, Record<string, string>?][] = [
      ['', -32700],
      [ask('getTraps').slice(0, -5), -32700],
      ['<!DOCTYPE x [<!ENTITY a "b">]><methodCall/>', -32700],
      ['<a/>', -32600],
      [xml('<params/>'), -32600],
      [ask('getTraps', '<param><value><array/></value></param>'), -32600],
      [ask('getTraps', '<param><value><int>2147483648</int></value></param>'), -32602],
      [ask('getTraps', '<param><value><int>x</int></value></param>'), -32602],
      [ask('constructor'), -32601],
      [ask('__proto__'), -32601],
      [Buffer.from([0xff, 0xfe, 0xfd]), -32702],
      [Buffer.from('<?xml version="1.0" encoding="klingon"?><methodCall/>'), -32701],
      [ask('getFileSystems'), -32701, { 'content-type': 'text/xml; charset=utf-7' }],
    ];
    for (const [body, code, headers] of cases) {
      const { status, text } = await post(url, body, headers);
      assert.deepEqual([status, faultCode(text)], [200, code], body.toString().slice(0, 100));
    }
    const long = ask('getTraps', '<param><value><i8>99999999999</i8></value></param>');
    assert.match((await post(url, long)).text, /<params>/);
  });

  it('that is too large gets a fault before it is read to its end', async (t) => {
    const { url, port } = await openFace(t);
    const large = await post(url, Buffer.alloc(5 << 20, ' '));
    assert.deepEqual([large.status, faultCode(large.text)], [200, -32600]);
    // Without a length, and without an end.
    let sent = 0;
    const answered = new Promise<string>((resolve, reject) => {
      const request = httpRequest({ port, host: '127.0.0.1', method: 'POST' }, (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () => resolve(text));
      });
      request.on('error', (error) => (sent > 2 << 20 ? resolve('cut') : reject(error)));
      const more = (): void => {
        if (request.destroyed) return;
        sent += 1 << 16;
        request.write(Buffer.alloc(1 << 16, ' '), () => setTimeout(more, 1));
      };
      more();
      t.after(() => request.destroy());
    });
    assert.equal(faultCode(await answered), -32600);
  });

  it('of which only half comes gets a fault after a while, and then the connection is closed', async (t) => {
    const { port } = await openFace(t, { bodyTimeoutMs: 300 });
    const text = await rawExchange(
      port,
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n<half',
    );
    assert.match(text, /^HTTP\/1\.1 200 /);
    assert.equal(faultCode(text), -32300);
    const json = await rawExchange(
      port,
      'POST /v1/traps HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n[',
    );
    assert.match(json, /^HTTP\/1\.1 408 /);
  });

  it('that breaks off in the middle leaves nothing behind', async (t) => {
    const { port, url } = await openFace(t);
    for (let i = 0; i < 50; i++) {
      const socket = connect(port, '127.0.0.1', () => {
        socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n<half');
        setTimeout(() => socket.resetAndDestroy(), 5);
      });
      socket.on('error', () => {});
    }
    assert.equal((await post(url, ask('getFileSystems'))).status, 200);
  });
});

describe('access', () => {
  it('is by address, decided before a body is read, and counted', async (t) => {
    const { collector, port } = await openFace(t, {
      rules: { allow: [], proxies: ['127.0.0.1', '::1'] },
      bodyTimeoutMs: 300,
    });
    // The proxy of this test says who asks; the body never comes.
    const head = (address: string, more = '') =>
      `POST / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: ${address}\r\n${more}Content-Length: 999999\r\n\r\n`;
    for (const more of ['', 'Expect: 100-continue\r\n']) {
      const text = await rawExchange(port, head('192.0.2.7', more));
      assert.match(text, /^HTTP\/1\.1 403 /);
      assert.match(text, /192\.0\.2\.7 may not speak to this collector/);
    }
    assert.equal(collector.counters.values().denied, 2);
    const asked = await rawExchange(port, head('127.0.0.1', 'Expect: 100-continue\r\n'));
    assert.match(asked, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
  });

  it('is answered however many connect whose address may not', async (t) => {
    const { collector, port, url } = await openFace(t);
    const sockets = Array.from({ length: 200 }, () =>
      connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' }),
    );
    const closed = new Set<Socket>();
    t.after(() => {
      for (const socket of sockets) socket.destroy();
    });
    for (const socket of sockets) {
      socket.on('error', () => {}).once('close', () => closed.add(socket));
    }
    await until('those too many are closed', () => closed.size >= 72);
    assert.equal(collector.counters.values().denied, 72);
    assert.match((await post(url, ask('getFileSystems'))).text, /<array>/);
    const left = sockets.find((socket) => !closed.has(socket))!;
    left.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n');
    const [answer] = await once(left, 'data');
    assert.match(String(answer), /^HTTP\/1\.1 403 /);
    for (const socket of sockets) socket.destroy();
    await until('there is room for others', async () => {
      const other = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' });
      other.on('error', () => {}).end('GET / HTTP/1.0\r\n\r\n');
      const text = (await Array.fromAsync(other).catch(() => [])).join('');
      return text.startsWith('HTTP/1.1 403');
    });
  });

  it('is not for pages in a browser on an allowed address, whatever name they came under', async (t) => {
    const { url, collector } = await openFace(t, { token: 'the-token-of-the-test' });
    const ways = [
      [url, ask('getFileSystems')],
      [`${url}/v1/traps/view`, '{}'],
      [`${url}/v1/traps`, '{"node":"n","message":"m","category":1}'],
    ] as const;
    const foreign = { origin: 'http://rebound.example:8980', 'content-type': 'application/json' };
    for (const [where, body] of ways) {
      const refused = await post(where, body, foreign);
      assert.equal(refused.status, 403);
      assert.equal(JSON.parse(refused.text).code, 'TRAP_PAGE_DENIED');
      const own = { ...foreign, authorization: 'Bearer the-token-of-the-test' };
      assert.equal((await post(where, body, own)).status, 200);
    }
    const hidden = { 'sec-fetch-site': 'cross-site', authorization: 'Bearer wrong' };
    assert.equal((await post(url, ask('getFileSystems'), hidden)).status, 403);
    assert.equal(collector.counters.values().denied, 4);
  });

  it('believes X-Forwarded-For from known proxies alone, from the last hop backwards', () => {
    const access = new Access({
      allow: ['10.0.0.0/8', '2001:db8::/32', '::ffff:192.168.1.0/120'],
      proxies: ['127.0.0.1', '10.9.9.9'],
    });
    const cases: [string, string | undefined, boolean][] = [
      ['127.0.0.1', undefined, true],
      ['::1', undefined, true],
      ['::ffff:127.0.0.1', undefined, true],
      ['10.1.2.3', undefined, true],
      ['::ffff:10.1.2.3', undefined, true],
      ['::ffff:a01:203', undefined, true],
      ['11.1.2.3', undefined, false],
      ['192.168.1.77', undefined, true],
      ['192.168.2.77', undefined, false],
      ['2001:db8::7%eth0', undefined, true],
      ['2001:db9::7', undefined, false],
      ['127.0.0.1', '10.1.2.3', true],
      ['127.0.0.1', '11.1.2.3', false],
      ['127.0.0.1', '10.1.2.3, 11.1.2.3', false],
      ['127.0.0.1', '11.1.2.3, 10.1.2.3', true],
      ['127.0.0.1', '11.1.2.3, 10.9.9.9', false],
      ['127.0.0.1', '[2001:db8::1]:80', true],
      ['127.0.0.1', 'unknown', false],
      ['127.0.0.1', '', false],
      ['11.1.2.3', '127.0.0.1', false],
      ['10.1.2.3', '11.1.2.3', true],
      ['', undefined, false],
    ];
    for (const [peer, forwarded, expected] of cases) {
      assert.equal(access.judge(peer, forwarded).isAllowed, expected, `${peer} ${forwarded}`);
    }
    assert.equal(plainAddress('::FFFF:10.0.0.1'), '10.0.0.1');
    assert.equal(plainAddress('10.0.0.1:4711'), '10.0.0.1');
  });
});
