import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { it } from 'node:test';
import { CountingWay, Origin } from './field/origin.ts';
import { inField } from './field/sweep-field.ts';

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

interface Shown {
  readonly inputs: readonly { readonly via: string }[];
}

it('workers get inputs from each other or from the one they name, from the origin where it is nearer, else from the server', () =>
  inField(async (field) => {
    const origin = new Origin();
    const url = await origin.open();
    const library = randomBytes(3_000_000);
    const near = randomBytes(1_200_000);
    origin.add('/lib', library);
    origin.add('/near', near);
    const serve = field.start(['serve', '--listen', '127.0.0.1:0', '--state', 'state']);
    const server = await serve.until('it serves', () => /http:\S+/.exec(serve.stdout())?.[0]);
    const way = new CountingWay(server);
    const address = await way.open();
    const session = ['--session-file', field.path('state/session')];
    const start = (name: string, ...more: string[]) =>
      field.start([
        ...['worker', '--server', address, ...session, '--dir', name, '--name', name],
        ...['--slots', '1', '--data-peers', ...more],
      ]);
    const workers = [start('node1')];
    try {
      const asking = ['--server', server, '--token-file', field.path('state/admin-token')];
      const run = async (name: string, input: string, content: Buffer): Promise<string> => {
        field.write(`${name}.toml`, `command = "sha256sum lib"\n[inputs]\nlib = ${input}\n`);
        const { job, code } = JSON.parse(
          (await field.must(0, 'run', ...asking, `${name}.toml`, '--output', name, '--json')).stdout
            .split('\n')
            .at(0)!,
        );
        assert.equal(field.read(`${name}/stdout`), `${sha256(content)}  lib\n`, String(code));
        const { attempts } = await field.json('show', String(job), '--attempts', ...asking);
        return (attempts as Shown[])[0]!.inputs[0]!.via;
      };
      const sent = (content: Buffer) => way.sentBytes.get(`/blobs/${sha256(content)}`) ?? 0;
      const shared = `"${url}/lib"`;
      assert.equal(await run('first', shared, library), 'server');
      // It takes no more tasks, and still gives what it has.
      const token = field.read('state/admin-token').trim();
      const pause = async (name: string) => {
        const paused = await fetch(`${server}/v1/workers/${name}`, {
          method: 'PATCH',
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          body: JSON.stringify({ action: 'pause', reason: '' }),
        });
        assert.equal(paused.status, 200);
      };
      await pause('node1');
      workers.push(start('node2'));
      assert.equal(await run('second', shared, library), 'peer node1');
      assert.equal(sent(library), library.length);

      const direct = `{ url = "${url}/near", from = "origin" }`;
      assert.equal(await run('near', direct, near), url);
      assert.equal(sent(near), 0);

      // Those that have it are gone, and the server does not know yet.
      for (const one of workers) one.kill();
      await Promise.all(workers.map((one) => one.ended));
      const last = start('node3');
      assert.equal(await run('alone', shared, library), 'server');

      // Nobody but the named one gets it from the server, though it runs nothing itself.
      await pause('node3');
      const site = start('node4', '--data-stager', 'node3');
      const staged = randomBytes(2_000_000);
      origin.add('/staged', staged);
      assert.equal(await run('staged', `"${url}/staged"`, staged), 'peer node3');
      assert.equal(sent(staged), staged.length);
      for (const one of [site, last, serve]) one.interrupt();
      await Promise.all([site.ended, last.ended, serve.ended]);
    } finally {
      await way.close();
      await origin.close();
    }
  }));
