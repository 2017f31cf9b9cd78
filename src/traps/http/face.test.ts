import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { systemClock } from '#base';
import type { CollectorOptions } from '../collector/collector.ts';
import { Collector } from '../collector/collector.ts';
import { event } from '../testing/collector.ts';
import { until } from '../testing/until.ts';
import { conformanceMethods } from '../xmlrpc/conformance-methods.ts';
import { XmlRpcDesk } from '../xmlrpc/desk.ts';
import { trapMethods } from '../xmlrpc/trap-methods.ts';
import { Access, type AccessRules, plainAddress } from './access.ts';
import { TrapFace } from './face.ts';
import { JsonDesk } from './json-desk.ts';
import { bindHttp } from './listen.ts';

const run = promisify(execFile);

interface Options extends Partial<CollectorOptions> {
  readonly rules?: AccessRules;
  readonly bodyTimeoutMs?: number;
  readonly answerTimeoutMs?: number;
  readonly token?: string | null;
  readonly durable?: () => Promise<boolean>;
}

async function openFace(t: TestContext, options: Options = {}) {
  const collector = new Collector({
    ...{ clock: systemClock, maxTraps: 250, maxNodes: 1000, foldMs: 600_000, remembered: null },
    hasHistory: false,
    ...options,
  });
  const json = new JsonDesk({
    ...{
      collector,
      now: Date.now,
      history: async () => [],
      name: 'test',
      version: '1',
      life: 'l1',
    },
    durable: options.durable ?? (async () => true),
    token: options.token ?? null,
  });
  const faults: unknown[] = [];
  const methods = [...trapMethods(collector, systemClock), ...conformanceMethods('1')];
  const face = new TrapFace({
    access: new Access(options.rules ?? { allow: [], proxies: [] }),
    xmlRpc: new XmlRpcDesk(methods, (error) => faults.push(error)),
    json,
    refuse: (fate) => collector.refuse(fate),
    onFault: (error) => faults.push(error),
    bodyTimeoutMs: options.bodyTimeoutMs ?? 10_000,
    answerTimeoutMs: options.answerTimeoutMs ?? 30_000,
  });
  const bound = await bindHttp('localhost', 0);
  bound.begin(face);
  t.after(async () => {
    json.close();
    await bound.close();
    assert.deepEqual(faults, []);
  });
  const url = `http://127.0.0.1:${bound.port}`;
  return { collector, url, port: bound.port };
}

/** Whether a connection to this port of 127.0.0.1 is established, as the kernel has it. */
function isConnected(port: number): boolean {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const lines = readFileSync('/proc/net/tcp', 'utf8').split('\n');
  return lines.some((line) => line.includes(`: ${local} `) && / 01 /.test(line));
}

/** Runs Python, the program being the argument; what it prints is JSON. */
async function python(program: string, ...args: string[]) {
  const { stdout } = await run('python3', ['-c', program, ...args], { maxBuffer: 64 << 20 });
  return JSON.parse(stdout);
}

const xml = (body: string) => `<?xml version="1.0"?><methodCall>${body}</methodCall>`;
const ask = (method: string, params = '') =>
  xml(`<methodName>${method}</methodName><params>${params}</params>`);

async function post(url: string, body: string | Buffer, headers: Record<string, string> = {}) {
  const response = await fetch(url, { method: 'POST', body: body as string, headers });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

async function postJson(url: string, body: unknown, headers: Record<string, string> = {}) {
  const answer = await post(url, JSON.stringify(body), {
    'content-type': 'application/json',
    ...headers,
  });
  return { ...answer, json: JSON.parse(answer.text) };
}

/** What a raw connection gets back for some bytes, until it is closed. */
function rawExchange(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('close', () => resolve(text));
    socket.on('error', reject);
  });
}

const faultCode = (text: string) =>
  Number(/<name>faultCode<\/name><value><int>(-?\d+)<\/int>/.exec(text)?.[1]);

describe('a monitor in Python', () => {
  it('asks everything that a monitor asks, and gets what it expects', async (t) => {
    const { collector, url } = await openFace(t);
    collector.observe({ node: 'oss1', fileSystems: ['work'], freeBytes: 5e12, totalBytes: 1e13 });
    collector.observe({ node: 'oss2', fileSystems: ['work'], responding: false });
    collector.accept(event('first', 2, { node: 'oss1', fileSystem: 'work' }));
    const answers = await python(
      `
import sys, json, xmlrpc.client as x
s = x.ServerProxy(sys.argv[1])
def fault(call):
    try: call(); return None
    except x.Fault as f: return f.faultCode
traps, mark = s.getTraps(0)
print(json.dumps({
  'nodes': s.getNodeNames('work'), 'all': s.getNodeNames(''), 'none': s.getNodeNames('x'),
  'fs': s.getFileSystems(), 'node': s.getNodeInfo('oss1'), 'info': s.getFileSystemInfo('work'),
  'traps': traps, 'again': s.getTraps(mark), 'last': s.getLastTimestamp() == mark,
  'details': s.getTrapDetails(0)[0][0], 'byId': len(s.getTrapsById('')[0]),
  'faults': [fault(lambda: s.getNodeInfo('x')), fault(lambda: s.getFileSystemInfo('x')),
    fault(lambda: s.nope()), fault(lambda: s.getTraps()), fault(lambda: s.getTraps('0')),
    fault(lambda: s.getTraps(1, 2)), fault(lambda: s.getTraps(1.5)), fault(lambda: s.getTraps(True)),
    fault(lambda: s.getNodeNames(7)), fault(lambda: s.getFileSystems(''))],
  'help': s.system.methodHelp('getTraps'), 'signature': s.system.methodSignature('getTraps'),
  'methods': s.system.listMethods(),
}))`,
      url,
    );
    assert.deepEqual(answers.nodes, ['oss1', 'oss2']);
    assert.deepEqual([answers.all, answers.none], [['oss1', 'oss2'], []]);
    assert.deepEqual(answers.fs, ['work']);
    assert.equal(answers.node.freeDisk, 5e12);
    assert.deepEqual(answers.node.fileSystems, ['work']);
    assert.deepEqual([answers.info.traps, answers.info.notResponding], [1, ['oss2']]);
    assert.deepEqual(answers.traps, [['first', 2, 'oss1']]);
    assert.deepEqual([answers.again[0], answers.last], [[], true]);
    assert.deepEqual([answers.details.fileSystem, answers.details.source], ['work', 'test']);
    assert.equal(answers.byId, 1);
    assert.deepEqual(answers.faults, [-32500, -32500, -32601, ...Array(7).fill(-32602)]);
    assert.match(answers.help, /Traps since a mark/);
    assert.deepEqual(answers.signature, [['array', 'int']]);
    assert.ok(answers.methods.includes('getTrapsById'));
  });

  it('reads every reply, whatever characters the messages hold', async (t) => {
    const { collector, url } = await openFace(t);
    const nasty = [
      'escape \u001b[31m, bell \u0007, NUL \0',
      'lone surrogates \ud800 and \udc00, a pair 😀',
      'the end of CDATA ]]> and <b>&amp;</b>',
      '\ufffe\uffff\u007f\u0080\u009f\u2028',
      'carriage\r\nreturn\rtab\t end ',
      'x'.repeat(65_536),
      'y'.repeat(70_000),
      '',
    ];
    for (const [index, message] of nasty.entries()) {
      collector.accept(event(message, 1, { node: `n${index}\ud800\u0001` }));
    }
    const traps = await python(
      `
import sys, json, xmlrpc.client as x
s = x.ServerProxy(sys.argv[1])
print(json.dumps([s.getTraps(0)[0], [t['message'] for t in s.getTrapDetails(0)[0]], s.getNodeNames('')]))`,
      url,
    );
    const expected = nasty.map((message) =>
      message
        .slice(0, 65_536)
        .toWellFormed()
        .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd'),
    );
    const found = traps[0].map(([message]: [string]) => message.slice(0, 65_536));
    assert.deepEqual(found, expected);
    assert.deepEqual(
      traps[1].map((message: string) => message.slice(0, 65_536)),
      expected,
    );
    assert.equal(traps[2][0], 'n0\ufffd\ufffd');
    assert.match(traps[0][6][0], /y… \[4464 more characters\]$/);
  });

  it('passes the validator1 suite', async (t) => {
    const { url } = await openFace(t);
    const answers = await python(
      `
import sys, json, datetime, xmlrpc.client as x
s = x.ServerProxy(sys.argv[1], allow_none=True)
v = s.validator1
stooge = lambda m, l, c: {'moe': m, 'larry': l, 'curly': c}
states = ['Maine'] + ['State%d' % i for i in range(120)] + ['Kansas']
sub = {'substruct%d' % i: stooge(i, i * 10, i * 100) for i in range(10)}
years = {'1999': {}, '2000': {'04': {'01': stooge(-23, 96, 17), '02': stooge(1, 2, 3)}}}
many = v.manyTypesTest(24288, False, 'Texas', 1762.0, x.DateTime('19040101T05:24:54'), x.Binary(b'GIF89a\\x00\\xff'))
print(json.dumps([
  v.arrayOfStructsTest([stooge(1, 2, c) for c in [-79, -33, -30, -7, 0, -5, -10, -2]]),
  v.countTheEntities('<' * 8 + '>' * 8 + '&' * 5 + "'" + '"' * 4),
  v.easyStructTest(stooge(-60, 22, 37)), v.echoStructTest(sub) == sub,
  [many[0], many[1], many[2], many[3], many[4].value, many[5].data.decode('latin1')],
  v.moderateSizeArrayCheck(states), v.nestedStructTest(years), v.simpleStructReturnTest(55),
  s.test.echo([1, 'a', None, {'b': []}]), s.test.noargs(), s.whichToolkit()['toolkitName'],
]))`,
      url,
    );
    assert.deepEqual(answers, [
      -166,
      {
        ctLeftAngleBrackets: 8,
        ctRightAngleBrackets: 8,
        ctAmpersands: 5,
        ctApostrophes: 1,
        ctQuotes: 4,
      },
      -1,
      true,
      [24288, false, 'Texas', 1762, '19040101T05:24:54', 'GIF89a\0ÿ'],
      'MaineKansas',
      90,
      { times10: 550, times100: 5500, times1000: 55000 },
      [1, 'a', null, { b: [] }],
      true,
      'Windrow',
    ]);
  });

  it('bundles calls, which fail one by one, but not bundles and not without end', async (t) => {
    const { url } = await openFace(t);
    const answers = await python(
      `
import sys, json, xmlrpc.client as x
s = x.ServerProxy(sys.argv[1])
call = lambda name, *params: {'methodName': name, 'params': list(params)}
calls = [call('getFileSystems'), call('nope'), call('system.multicall', []), 5, {}, call('getTraps', 'x')]
try: s.system.multicall([call('getFileSystems')] * 101); many = None
except x.Fault as f: many = f.faultCode
print(json.dumps([s.system.multicall(calls), many]))`,
      url,
    );
    const codes = answers[0].map((one: { faultCode?: number }) => one.faultCode ?? one);
    assert.deepEqual(codes, [[[]], -32601, -32602, -32602, -32602, -32602]);
    assert.equal(answers[1], -32602);
  });
});

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
    const head = (address: string) =>
      `POST / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: ${address}\r\nContent-Length: 999999\r\n\r\n`;
    const text = await rawExchange(port, head('192.0.2.7'));
    assert.match(text, /^HTTP\/1\.1 403 /);
    assert.match(text, /192\.0\.2\.7 may not speak to this collector/);
    assert.equal(collector.counters.values().denied, 1);
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

describe('reports by HTTP', () => {
  it('are taken one by one or together, and each is answered for', async (t) => {
    const { collector, url } = await openFace(t);
    const one = await postJson(`${url}/v1/traps`, { node: 'n1', message: 'a', category: 'fatal' });
    assert.deepEqual([one.status, one.json.stored], [200, 1]);
    const several = await postJson(`${url}/v1/traps`, {
      nodes: [{ node: 'n2', fileSystems: ['fs1'], freeBytes: 7 }, { node: '' }],
      traps: [
        { node: 'n2', message: 'b', category: 1, sequence: 1, boot: 'x' },
        { node: 'n2', message: 'b', category: 1, sequence: 1, boot: 'x' },
        { node: 'n2', message: 'c', category: 9 },
        { node: 'n2', messsage: 'c', category: 1 },
        'rubbish',
        { node: 'n2', message: 'd', category: 1, condition: 'c', time: '2026-11-21T16:22:04Z' },
        { node: 'n2', message: 'd', clear: true, condition: 'c' },
        { node: 'n2', message: 'd', clear: true },
      ],
    });
    const { problems, ...fates } = several.json;
    assert.deepEqual(fates, {
      ...{ received: 8, stored: 3, duplicate: 1, suppressed: 0, dropped: 0, denied: 0 },
      malformed: 4,
    });
    assert.deepEqual(problems, [
      'node 2: node: found "", expected a name',
      'trap 3: category: found 9, expected 0 to 3 or info, warning, critical, fatal',
      'trap 4: "messsage" is no field, did you mean message?',
      'trap 5: it is no object',
      'trap 8: clear needs the condition that is over',
    ]);
    assert.equal(collector.nodes.view('n2')!.freeBytes, 7);
    assert.equal(collector.all()[2]!.atMs, Date.parse('2026-11-21T16:22:04Z'));
  });

  it('that cannot be kept are taken all the same, and told so', async (t) => {
    const { url, collector } = await openFace(t, { durable: async () => false });
    const { status } = await postJson(`${url}/v1/traps`, { node: 'n', message: 'm', category: 1 });
    assert.deepEqual([status, collector.size], [202, 1]);
  });

  it('that are no JSON, too many or of another type are refused whole, and counted once', async (t) => {
    const { url, collector } = await openFace(t);
    const json = { 'content-type': 'application/json' };
    const path = `${url}/v1/traps`;
    const statuses = [
      (await post(path, '{"node":', json)).status,
      (await post(path, '7', json)).status,
      (await post(path, '{}', { 'content-type': 'text/plain' })).status,
      (await post(path, Buffer.alloc(5 << 20, ' '), json)).status,
      (await postJson(path, [{}])).status,
      (await postJson(path, [])).status,
    ];
    assert.deepEqual(statuses, [400, 400, 415, 413, 400, 200]);
    assert.equal(collector.counters.values().malformed, 5);
  });

  it('may be alerts, as Alertmanager and Prometheus send them', async (t) => {
    const { url, collector } = await openFace(t);
    const alert = {
      status: 'firing',
      labels: { alertname: 'DiskFull', instance: 'node7:9100', severity: 'critical' },
      annotations: { summary: 'The disk of node7 is full' },
      startsAt: '2026-11-21T10:00:00.5Z',
      endsAt: '0001-01-01T00:00:00Z',
      fingerprint: 'f1',
    };
    const webhook = { version: '4', status: 'firing', alerts: [alert] };
    const send = async () => (await postJson(`${url}/v1/alertmanager`, webhook)).json;
    assert.equal((await send()).stored, 1);
    assert.equal((await send()).duplicate, 1);
    const resolved = { ...alert, status: 'resolved', endsAt: '2026-11-21T11:00:00Z' };
    await postJson(`${url}/v1/alertmanager`, { ...webhook, alerts: [resolved] });
    const told = collector
      .all()
      .map(({ kind, category, node, message, atMs }) => [kind, category, node, message, atMs]);
    assert.deepEqual(told, [
      ['raise', 2, 'node7', 'The disk of node7 is full', Date.parse('2026-11-21T10:00:00.5Z')],
      [
        'clear',
        0,
        'node7',
        'resolved: The disk of node7 is full',
        Date.parse('2026-11-21T11:00:00Z'),
      ],
    ]);
    const { status: _, ...prometheus } = {
      ...alert,
      endsAt: new Date(Date.now() + 60_000).toISOString(),
    };
    assert.equal((await postJson(`${url}/api/v2/alerts`, [prometheus])).json.received, 1);
    assert.equal((await postJson(`${url}/api/v2/alerts`, [{ labels: 7 }])).status, 400);
  });
});

describe('those who watch by HTTP', () => {
  it('get everything, then wait until something changes', async (t) => {
    const { url, collector } = await openFace(t);
    const view = async (body: object) => (await postJson(`${url}/v1/traps/view`, body)).json;
    const first = await view({});
    assert.deepEqual([first.name, first.traps, first.life], ['test', [], 'l1']);
    assert.equal((await view({ life: 'l1', revision: first.revision })).unchanged, true);
    const waiting = view({ life: 'l1', revision: first.revision, waitMs: 30_000 });
    setTimeout(() => collector.accept(event('news')), 50);
    assert.deepEqual(
      (await waiting).traps.map(({ message }: { message: string }) => message),
      ['news'],
    );
    assert.ok((await view({ life: 'another', revision: collector.revision })).traps);
    const soon = performance.now();
    await view({ life: 'l1', revision: collector.revision, waitMs: 300 });
    assert.ok(performance.now() - soon >= 250);
  });

  it('change something only with the token, and only where there is one', async (t) => {
    const { url, collector } = await openFace(t, { token: 'the-token-of-the-test' });
    collector.accept(event('a'));
    const { id } = collector.all()[0]!;
    const path = `${url}/v1/traps/acknowledge`;
    const headers = { authorization: 'Bearer the-token-of-the-test' };
    assert.equal((await postJson(path, { id })).status, 401);
    assert.equal((await postJson(path, { id }, { authorization: 'Bearer wrong' })).status, 401);
    assert.equal((await postJson(path, { id: id.slice(0, 6) }, headers)).status, 200);
    assert.ok(collector.all()[0]!.acknowledged);
    assert.equal((await postJson(path, { id: 'zzz' }, headers)).json.code, 'TRAP_UNKNOWN');
    assert.equal((await postJson(path, { id, x: 1 }, headers)).status, 400);
    const silences = `${url}/v1/traps/silence`;
    assert.equal((await postJson(silences, { forMs: 5000 }, headers)).status, 400);
    const made = await postJson(silences, { node: 'node*', forMs: 5000 }, headers);
    assert.equal(made.status, 200);
    const ended = { id: made.json.silence.id };
    assert.equal((await postJson(`${silences}/end`, ended, headers)).status, 200);
    assert.equal((await postJson(`${silences}/end`, ended, headers)).status, 404);
    const without = await openFace(t);
    assert.equal((await postJson(`${without.url}/v1/traps/silence`, {}, headers)).status, 403);
  });

  it('leave without a trace', async (t) => {
    const { url, collector } = await openFace(t);
    const leaving = new AbortController();
    const body = JSON.stringify({ life: 'l1', revision: collector.revision, waitMs: 60_000 });
    const gone = fetch(`${url}/v1/traps/view`, {
      ...{ method: 'POST', body, signal: leaving.signal },
      headers: { 'content-type': 'application/json' },
    });
    setTimeout(() => leaving.abort(), 50);
    await assert.rejects(gone);
    await until(
      'the collector answers others',
      async () => (await post(url, ask('getFileSystems'))).status === 200,
    );
  });

  it('are let go when they do not take their answer', async (t) => {
    const { port, collector } = await openFace(t, { answerTimeoutMs: 300 });
    for (let i = 0; i < 250; i++) collector.accept(event(`${i} ${'x'.repeat(60_000)}`));
    const socket = connect(port, '127.0.0.1');
    t.after(() => socket.destroy());
    const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.on('error', () => {});
    socket.pause();
    await new Promise<void>((resolve) => socket.once('connect', resolve));
    const head = 'POST /v1/traps/view HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';
    socket.write(`${head}Content-Length: 2\r\n\r\n{}`);
    await until('it was let go', () => !isConnected(port));
    let bytes = 0;
    socket.on('data', (part) => {
      bytes += part.length;
    });
    socket.resume();
    await gone;
    assert.ok(bytes > 0 && bytes < 250 * 60_000, `${bytes} of the answer came`);
  });
});
