import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { inField } from './field/sweep-field.ts';
import { until } from './field/until.ts';

interface Posted {
  readonly rule: string;
  readonly event: Readonly<Record<string, unknown>>;
}

async function openReceiver(t: TestContext): Promise<{ posted: Posted[]; url: string }> {
  const posted: Posted[] = [];
  const server = createServer(async (request, response) => {
    posted.push(JSON.parse((await Array.fromAsync(request)).join('')));
    response.writeHead(204).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { posted, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

describe('rules', () => {
  it('act on what a server tells, as a stored trace; a wrong file is refused at the start', async (t) => {
    const { posted, url } = await openReceiver(t);
    await inField(async (field) => {
      const rule = (on: string, when: string) =>
        `[[rules]]\nname = "of ${on}"\non = "${on}"\nwhen = '${when}'\nwebhook = "${url}"\n`;
      field.write('wrong.toml', rule('trace', '1 +'));
      const serve = ['serve', '--traces', '--state', 'state', '--listen', '127.0.0.1:0'];
      const refused = await field.must(1, ...serve, '--rules', 'wrong.toml');
      assert.match(refused.stderr, /code: RULES_FILE_WRONG/);
      field.write('rules.toml', rule('trace', 'Bytes < 100 && Name == "n1.out"'));
      const server = field.start([...serve, '--rules', 'rules.toml']);
      const at = await server.until('it serves', () => /serving (\S+)/.exec(server.stdout())?.[1]);
      for (const name of ['n0.out', 'n1.out']) {
        const form = new FormData();
        form.set('username', 'rocks');
        form.set('id', '1795276800.000000001');
        form.set('filename', new Blob(['text']), name);
        const stored = await fetch(`${at}/traces/sbin/store-trace.cgi`, {
          method: 'POST',
          body: form,
        });
        assert.equal(stored.status, 200);
      }
      await until('it is posted', () => posted.length > 0);
      assert.deepEqual(
        posted.map(({ rule: name, event }) => [name, event.name, event.bytes]),
        [['of trace', 'n1.out', 4]],
      );
      process.kill(server.pid, 'SIGTERM');
      assert.equal((await server.ended).code, 0);
    });
  });

  it('act on the traps of a collector by itself', async (t) => {
    const { posted, url } = await openReceiver(t);
    await inField(async (field) => {
      const text = `[[rules]]\nname = "bad"\non = "trap"\nwhen = "Category >= 2"\nwebhook = "${url}"\n`;
      field.write('rules.toml', text);
      const running = field.start([
        ...['traps', 'serve', '-p', '0', '--user', 'root', '--state', field.path('state')],
        ...['--rules', field.path('rules.toml')],
      ]);
      const [at] = await running.until('it serves', () => /http:\S+/.exec(running.stdout()));
      await field.must(0, 'traps', 'send', 'fine', at, '--category', 'info');
      await field.must(0, 'traps', 'send', 'fan 3 stands still', at, '--category', 'critical');
      await until('it is posted', () => posted.length > 0);
      assert.deepEqual(
        posted.map(({ event }) => event.message),
        ['fan 3 stands still'],
      );
      process.kill(running.pid, 'SIGTERM');
      assert.equal((await running.ended).code, 0);
    });
  });
});
