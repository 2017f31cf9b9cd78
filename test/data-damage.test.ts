import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, closeSync, openSync, readdirSync, rmSync, statSync, writeSync } from 'node:fs';
import { it } from 'node:test';
import { ApiClient, type ApiEvent } from '#wire';
import { Origin } from './field/origin.ts';
import { inField, type SweepField } from './field/sweep-field.ts';
import { until } from './field/until.ts';

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** Turns over a byte in the middle of a file; a disk does that without a trace in its times. */
function damage(path: string, keepsTimes: boolean): void {
  const times = `${path}.times`;
  execFileSync('cp', ['--attributes-only', '--preserve=timestamps', path, times]);
  const { mode, size } = statSync(path);
  chmodSync(path, 0o644);
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.from('damaged'), 0, 7, Math.floor(size / 2));
  closeSync(file);
  chmodSync(path, mode);
  if (keepsTimes) execFileSync('touch', ['-r', times, path]);
  rmSync(times);
}

function storedFile(field: SweepField, folder: string): string {
  const names = readdirSync(field.path(folder), { recursive: true }).map(String);
  return field.path(folder, names.find((name) => name.endsWith('.dat'))!);
}

it('a file that a disk damages is set aside, told to watchers and as a trap, and comes again', () =>
  inField(async (field) => {
    const origin = new Origin();
    const url = await origin.open();
    const library = randomBytes(2_000_000);
    origin.add('/lib', library);
    const ending = new AbortController();
    try {
      const serve = field.start([
        'serve',
        '--listen',
        '127.0.0.1:0',
        '--state',
        'state',
        '--traps',
      ]);
      const server = await serve.until('it serves', () => /http:\S+/.exec(serve.stdout())?.[0]);
      const asking = ['--server', server, '--token-file', field.path('state/admin-token')];
      const token = field.read('state/admin-token').trim();
      const client = new ApiClient({ url: server, token, signal: ending.signal });
      const events: ApiEvent[] = [];
      const watching = (async () => {
        for await (const event of await client.call('watchEvents', {})) events.push(event);
      })().catch(() => {});
      const told = (worker: string) =>
        until(`damage on ${worker || 'the server'} is told`, () =>
          events.find((event) => event.kind === 'data' && event.worker === worker),
        );
      const trapped = (isMeant: (node: string) => boolean) =>
        until('there is a trap', async () => {
          const answer = await fetch(`${server}/v1/traps/view`, {
            ...{ method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } },
          });
          const { traps } = (await answer.json()) as {
            traps: { condition: string; node: string }[];
          };
          return traps.find(({ condition, node }) => condition === 'data damaged' && isMeant(node));
        });
      const worker = (name: string) =>
        field.start(['worker', '--state', 'state', '--dir', name, '--name', name, '--slots', '1']);
      const run = (name: string, ...words: string[]) =>
        field.windrow('run', ...asking, '--name', name, '--output', name, ...words);
      const right = `${sha256(library)}  lib\n`;

      const first = worker('node7');
      const input = ['--input', `lib=${url}/lib#sha256=${sha256(library)}`, '--', 'sha256sum lib'];
      const clean = await run('clean', ...input);
      assert.equal(clean.code, 0, clean.stderr);
      damage(storedFile(field, 'node7/data/entries'), false);
      assert.equal((await run('again', ...input)).code, 0);
      assert.equal(field.read('again/stdout'), right);
      await told('node7');
      await trapped((node) => node === 'node7');
      first.interrupt();
      await first.ended;

      damage(field.path('state/blobs', sha256(library)), true);
      const second = worker('node8');
      const third = await run('third', ...input);
      assert.equal(third.code, 0, third.stderr);
      assert.equal(field.read('third/stdout'), right);
      await told('');
      await trapped((node) => !node.startsWith('node'));
      assert.equal(origin.sentBytes.get('/lib'), 2 * library.length);
      assert.ok(field.has(`state/blobs/${sha256(library)}.damaged`));
      assert.match((await field.must(0, 'data', 'verify', ...asking)).stdout, /, 0 damaged/);

      const own = randomBytes(1_500_000);
      field.write('own', own);
      await client.call('putBlob', { params: { sha256: sha256(own) }, body: own });
      damage(field.path('state/blobs', sha256(own)), true);
      const sent = ['--input', 'own=own', '--', 'sha256sum own'];
      const failed = await run('sent', ...sent);
      assert.equal(failed.code, 1);
      assert.match(failed.stderr + failed.stdout, /submitting again sends it again/);
      const resent = await run('sent', ...sent);
      assert.equal(resent.code, 0, resent.stderr);
      assert.equal(field.read('sent/stdout'), `${sha256(own)}  own\n`);
      const metrics = await fetch(`${server}/metrics`, {
        headers: { authorization: `Bearer ${token}` },
      });
      assert.match(await metrics.text(), /^windrow_worker_data_misses_total\{worker="node8".* 2$/m);
      ending.abort();
      await watching;
      await client.close();
      for (const one of [second, serve]) one.interrupt();
      await Promise.all([second.ended, serve.ended]);
    } finally {
      ending.abort();
      await origin.close();
    }
  }));
