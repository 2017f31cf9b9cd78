import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { event } from '../testing/collector.ts';
import { ask, openFace, post, postJson } from '../testing/face.ts';
import { until } from '../testing/until.ts';

/** Whether a connection to this port of 127.0.0.1 is established, as the kernel has it. */
function isConnected(port: number): boolean {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const lines = readFileSync('/proc/net/tcp', 'utf8').split('\n');
  return lines.some((line) => line.includes(`: ${local} `) && / 01 /.test(line));
}

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
