import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openLog, withoutSecrets } from './log.ts';

async function logOf(format: 'pretty' | 'json', color = false) {
  const lines: string[] = [];
  const log = await openLog({ level: 'info', format, color, write: (line) => lines.push(line) });
  return { log, lines };
}

describe('the log', () => {
  it('is one JSON document a line, with level, time and facts', async () => {
    const { log, lines } = await logOf('json');
    log.info({ job: 3 }, 'job created');
    log.debug('not asked for');
    assert.equal(lines.length, 1);
    const { time, ...rest } = JSON.parse(lines[0]!);
    assert.deepEqual(rest, { level: 'info', job: 3, msg: 'job created' });
    assert.ok(!Number.isNaN(Date.parse(time)));
  });

  it('holds no session and no token, wherever they stand', async () => {
    for (const format of ['pretty', 'json'] as const) {
      const { log, lines } = await logOf(format);
      const secret = 'Zm9vYmFy-_8';
      log.info({ url: `/task?sessionID=${secret}&worker=x` }, 'request');
      log.info({ req: { headers: { authorization: `Bearer ${secret}` } } }, 'request');
      log.info(
        { headers: { Authorization: `Basic ${secret}` } },
        `GET /ping?ticket=3&sessionid=${secret}`,
      );
      log.error({ err: new Error(`connect http://h/?sessionID=${secret} failed`) }, 'lost');
      log.info({ token: secret, nested: { session: secret } });
      assert.equal(lines.length, 5);
      assert.ok(!lines.join('').includes(secret), lines.join(''));
      assert.ok(lines[0]!.includes('worker=x'));
    }
  });

  it('keeps a line what it was but for the secret', () => {
    assert.equal(
      withoutSecrets('{"url":"/config?sessionID=abc&platform=linux-x64","n":1}'),
      '{"url":"/config?sessionID=[hidden]&platform=linux-x64","n":1}',
    );
  });

  it('is one line for people on a terminal, whatever is in it', async () => {
    const { log, lines } = await logOf('pretty');
    log.warn({ worker: 'evil\u001b]0;title\u0007' }, 'first\nsecond\u001b[2J');
    assert.equal(lines.length, 1);
    assert.match(lines[0]!, /^\d\d:\d\d:\d\d warn {2}first\\nsecond\\e\[2J worker=.*\n$/);
    assert.ok(!/[\u0000-\u0009\u000b-\u001f]/.test(lines[0]!));
  });

  it('has colour only where it was asked for', async () => {
    const plain = await logOf('pretty');
    plain.log.error('x');
    const colored = await logOf('pretty', true);
    colored.log.error('x');
    assert.ok(!plain.lines[0]!.includes('\u001b'));
    assert.ok(colored.lines[0]!.includes('\u001b[31merror'));
  });
});
