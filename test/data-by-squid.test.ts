/** Sweeps whose inputs come through the site's Squid, or past it when it fails; the record says which. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { hasSquid, openSquid, type Squid } from '../src/datastore/testing/squid.ts';
import { Origin } from './field/origin.ts';
import { inField, type SweepField } from './field/sweep-field.ts';
import { until } from './field/until.ts';

const skip = !hasSquid && 'there is no squid';
const CONTENT = randomBytes(400_000);

async function openOrigin(t: TestContext) {
  const origin = new Origin();
  const url = await origin.open();
  t.after(() => origin.close());
  return { origin, url, file: origin.add('/set', CONTENT) };
}

/** Runs a sweep of two tasks over the file, and says how its input came to each of them. */
async function sweep(field: SweepField, url: string) {
  const run = field.start([
    ...['run', '--state', 'state', '--output', 'out', '--input', `set=${url}/set`],
    ...['--range', 'i=1..2', '--', 'sha256sum < set'],
  ]);
  const { code, stdout, stderr } = await run.ended;
  assert.equal(code, 0, stdout + stderr);
  const line = `${createHash('sha256').update(CONTENT).digest('hex')}  -`;
  assert.deepEqual(field.lines('out/stdout'), [line, line]);
  const { attempts } = await field.json('show', '1', '--attempts', '--state', 'state');
  const told = attempts as { inputs: { source: string }[] }[];
  return told.map(({ inputs }) => inputs.map(({ source }) => source));
}

const hostOf = ({ url }: Squid) => new URL(url).host;

test('inputs come through a Squid that works, and the record of each attempt says so', {
  skip,
}, async (t) => {
  const { origin, url } = await openOrigin(t);
  const squid = await openSquid(t);
  await inField(
    async (field) => {
      const way = `${url} (proxy ${hostOf(squid)})`;
      assert.deepEqual(await sweep(field, url), [[way], [way]]);
      assert.equal(origin.count('/set'), 1);
    },
    { environment: { OSG_SQUID_LOCATION: squid.url } },
  );
});

test('inputs come directly when one Squid refuses, one answers 503 and one is dead', {
  skip,
}, async (t) => {
  const { url } = await openOrigin(t);
  const refusing = await openSquid(t, ['http_access deny all']);
  const failing = await openSquid(t, [
    'http_access deny all',
    'deny_info 503:ERR_CANNOT_FORWARD all',
  ]);
  const dead = await openSquid(t);
  await dead.end();
  const squids = [refusing, failing, dead];
  await inField(
    async (field) => {
      const way = `${url} (direct after proxy ${squids.map(hostOf).join(', ')} failed)`;
      assert.deepEqual(await sweep(field, url), [[way], [way]]);
    },
    { environment: { WINDROW_DATA_PROXY: squids.map((one) => one.url).join(';') } },
  );
});

test('an input goes on directly from where a Squid stalled in the middle of it', {
  skip,
}, async (t) => {
  const { origin, url, file } = await openOrigin(t);
  const squid = await openSquid(t);
  file.bytesPerSecond = 400_000;
  const stalled = until('half of it has come', () => (origin.sentBytes.get('/set') ?? 0) > 200_000);
  const stopped = stalled.then(() => {
    squid.process.kill('SIGSTOP');
    file.bytesPerSecond = 0;
  });
  await inField(
    async (field) => {
      const way = `${url} (direct after proxy ${hostOf(squid)} failed)`;
      assert.deepEqual(await sweep(field, url), [[way], [way]]);
      await stopped;
      const [, direct] = origin.requests;
      assert.match(
        direct?.range ?? '',
        /^bytes=[1-9]\d*-$/,
        'what had come was not asked for again',
      );
    },
    { environment: { http_proxy: squid.url, WINDROW_DATA_SLOW_TIME: '1 s' } },
  );
});
