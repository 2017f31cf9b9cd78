import assert from 'node:assert/strict';
import { request as plain } from 'node:http';
import { request as secure } from 'node:https';
import { describe, it } from 'node:test';
import { inField, type Running } from './field/sweep-field.ts';

function post(url: URL, body: string): Promise<void> {
  const request = url.protocol === 'https:' ? secure : plain;
  const headers = { 'content-type': 'application/json' };
  return new Promise((resolve, reject) => {
    const options = { method: 'POST', headers, rejectUnauthorized: false };
    const asked = request(url, options, (answer) => {
      assert.equal(answer.statusCode, 200);
      answer.resume().once('end', resolve);
    });
    asked.once('error', reject).end(body);
  });
}

describe('windrow traps watch', () => {
  it('watches a collector that it knows by its pin, beside one without, and takes nothing from an impostor', () =>
    inField(async (field) => {
      const start = async (state: string, port: string, ...more: string[]) => {
        const running = field.start([
          ...['serve', '--traps', '--state', state, '--listen', `127.0.0.1:${port}`, ...more],
        ]);
        const found = await running.until('it serves', () => /http\S+/.exec(running.stdout()));
        return { running, url: found[0] };
      };
      await Promise.all(
        ['sealed', 'other'].map((one) => field.must(0, 'tls', 'init', '--state', one)),
      );
      let [sealed, open] = await Promise.all([start('sealed', '0', '--tls'), start('open', '0')]);
      assert.match(sealed.url, /^https:.*#sha256:[0-9a-f]{64}$/);
      const { port } = new URL(sealed.url);
      const watch: Running = field.start(['traps', 'watch', sealed.url, open.url, '--json']);
      const printed = () =>
        watch
          .stdout()
          .split('\n')
          .slice(0, -1)
          .map((line) => JSON.parse(line));
      const seen = () =>
        printed()
          .filter(({ event }) => event === 'trap')
          .map(({ message }) => message);
      const away = () => printed().filter((one) => one.event === 'collector' && one.away);
      /** As a good sender does it: under one number to all; it does not care who they are. */
      const send = async (message: string, ...urls: string[]) => {
        const trap = { node: 'n1', message, category: 2, boot: 'b', sequence: ++sent };
        await Promise.all(urls.map((url) => post(new URL('/v1/traps', url), JSON.stringify(trap))));
      };
      let sent = 0;

      await send('to both', sealed.url, open.url);
      await watch.until('it is seen', () => seen().length > 0);
      sealed.running.kill();
      await sealed.running.ended;
      await watch.until('it is missed', () => away().length === 1);

      // Somebody else at its address, with a certificate of their own.
      const impostor = await start('other', port, '--tls');
      await send('a lie', impostor.url);
      await send('the other goes on', open.url);
      await watch.until('the other goes on', () => seen().includes('the other goes on'));
      const named = await field.windrow('traps', 'ls', sealed.url);
      assert.match(named.stderr, /code: SERVER_(?:CERTIFICATE|PIN)\w*/);
      impostor.running.kill();
      await impostor.running.ended;

      sealed = await start('sealed', port, '--tls');
      open.running.kill();
      await open.running.ended;
      await send('it is back', sealed.url);
      await watch.until('it is back', () => seen().includes('it is back'));
      assert.deepEqual(seen(), ['to both', 'the other goes on', 'it is back']);
      watch.kill();
      await watch.ended;
      process.kill(sealed.running.pid, 'SIGTERM');
      await sealed.running.ended;
    }));
});
