import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inField } from './field/sweep-field.ts';
import { until } from './field/until.ts';

interface Trap {
  readonly node: string;
  readonly message: string;
  readonly kind: string;
  readonly condition: string;
}

describe('windrow serve with traps', () => {
  it('tells monitors of a worker that is lost and one that is there, and of a job that fails', () =>
    inField(async (field) => {
      const serve = field.start([
        ...['serve', '--listen', '127.0.0.1:0', '--state', 'state', '--traps', '--lease', '2 s'],
      ]);
      const [url] = await serve.until('it serves', () => /http:\S+/.exec(serve.stdout()));
      const worker = (dir: string) =>
        field.start([
          'worker',
          '--state',
          'state',
          '--dir',
          dir,
          '--slots',
          '2',
          '--name',
          'node7',
        ]);
      const traps = async (): Promise<Trap[]> => {
        const answer = await fetch(`${url}/v1/traps/view`, {
          method: 'POST',
          body: '{}',
          headers: { 'content-type': 'application/json' },
        });
        return ((await answer.json()) as { traps: Trap[] }).traps;
      };
      const told = (what: string, kind: string, condition: string) =>
        until(what, async () =>
          (await traps()).find((trap) => trap.kind === kind && trap.condition === condition),
        );
      const first = worker('one');
      const server = ['--server', url!, '--token-file', 'state/admin-token'];
      await field.must(
        1,
        'run',
        ...server,
        '--quiet',
        '--range',
        'i=1..30',
        '--',
        'exit $((i * 0 + 3))',
      );
      const failing = await told('the job is told', 'raise', 'job 1 failing');
      assert.match(failing.message, /^job 1 .*: most of its attempts fail$/);
      first.kill();
      await first.ended;
      const lost = await told('the worker is missed', 'raise', 'worker lost');
      assert.equal(lost.node, 'node7');
      const second = worker('two');
      await told('another is there', 'clear', 'worker lost');
      const names = await fetch(url!, {
        method: 'POST',
        body: '<methodCall><methodName>getNodeNames</methodName><params><param><value></value></param></params></methodCall>',
      });
      assert.match(await names.text(), /<string>node7<\/string>/);
      // The rest of the address belongs to the server as before.
      assert.equal((await fetch(`${url}/nowhere`)).status, 404);
      assert.equal((await fetch(`${url}/v1/jobs`)).status, 401);
      await field.must(0, 'stop', '--wait', '--state', 'state');
      assert.equal((await serve.ended).code, 0);
      await second.ended;
    }));
});
