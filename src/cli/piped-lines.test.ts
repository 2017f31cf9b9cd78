import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { type PipedLine, pipedLines } from './piped-lines.ts';

describe('lines that come by a pipe', () => {
  it('are there as soon as they have ended, with their numbers, in whatever pieces they came', async () => {
    const pipe = new PassThrough();
    const lines = pipedLines(pipe, new AbortController().signal);
    const next = async () => ((await lines.next()).value as PipedLine[] | undefined) ?? null;
    pipe.write('one\ntw');
    assert.deepEqual(await next(), [{ number: 1, text: 'one' }]);
    const umlaut = Buffer.from('ö');
    pipe.write(umlaut.subarray(0, 1));
    pipe.write(umlaut.subarray(1));
    pipe.write('\n\nfo');
    assert.deepEqual(await next(), [
      { number: 2, text: 'twö' },
      { number: 3, text: '' },
    ]);
    pipe.end('ur');
    assert.deepEqual(await next(), [{ number: 4, text: 'four' }]);
    assert.equal(await next(), null);
  });

  it('are cut where they have no end, and end when the command is to end', async () => {
    const pipe = new PassThrough();
    const ending = new AbortController();
    const lines = pipedLines(pipe, ending.signal);
    const waiting = lines.next();
    for (let i = 0; i < 64; i++) pipe.write(Buffer.alloc(64 << 10, 'x'));
    pipe.write('\n');
    const { value } = await waiting;
    assert.ok(value![0]!.text.length <= (1 << 20) + (64 << 10));
    const last = lines.next();
    ending.abort();
    assert.equal((await last).done, true);
  });
});
