import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { describe, it } from 'node:test';
import { ManualClock } from '#base';
import { formatEta, formatFraction, formatRate } from './format.ts';
import { Output, OutputGone } from './output.ts';
import { openProgress, progressText } from './progress.ts';
import type { JobView } from './watch.ts';

const counts = {
  waiting: 0,
  staging: 0,
  running: 0,
  checking: 0,
  done: 0,
  failed: 0,
  held: 0,
  removed: 0,
};

function view(done: number, some: Partial<JobView> = {}): JobView {
  return {
    job: 1,
    name: 'ising',
    state: 'running',
    reason: '',
    rows: 1000,
    counts: { ...counts, done, running: 8, waiting: 992 - done },
    progress: { atMs: 1, ratePerSecond: 12.34, etaMs: 30_000, runningAttempts: 8, failures: {} },
    ...some,
  };
}

function collect(isTerminal: boolean) {
  const lines: string[] = [];
  const stream = new Writable({
    write: (chunk, _encoding, done) => {
      lines.push(String(chunk));
      done();
    },
  });
  Object.assign(stream, { isTTY: isTerminal });
  const options = { name: 'stderr', isTerminal, color: false, columns: () => 60, rows: () => 20 };
  return { output: new Output(stream, options), lines };
}

describe('progress', () => {
  it('says how many are where, how fast it goes and how long it will take', () => {
    assert.equal(
      progressText(view(630)),
      '63 % 630 done, 0 failed, 8 running, 362 waiting · 12.3/s · 30 s left',
    );
    assert.match(progressText(view(5, { state: 'paused' })), /· paused$/);
    assert.match(progressText(view(0, { rows: 0, counts })), /^100 % 0 done/);
  });

  it('comes in plain lines every ten seconds or tenth of the tasks, and at the end', async () => {
    const clock = new ManualClock();
    const { output, lines } = collect(false);
    const display = await openProgress({ json: false, quiet: false }, output, output, clock);
    display.update(view(0));
    display.update(view(1));
    assert.equal(lines.length, 1);
    clock.advance(10_000);
    display.update(view(2));
    assert.equal(lines.length, 2);
    display.update(view(150));
    assert.equal(lines.length, 3);
    display.update(view(151));
    display.end();
    display.end();
    assert.equal(lines.length, 4);
    assert.match(lines[3]!, /^windrow: ising: 15 % 151 done/);
  });

  it('claims no pace and no end before anything has ended', () => {
    const unknown = { progress: { ...view(0).progress, ratePerSecond: 0, etaMs: null } };
    assert.equal(progressText(view(0, unknown)), '0 % 0 done, 0 failed, 8 running, 992 waiting');
    assert.match(progressText(view(10, unknown)), /982 waiting · 0\/s$/);
  });

  it('is silent where that was asked for', async () => {
    const { output, lines } = collect(false);
    const display = await openProgress(
      { json: false, quiet: true },
      output,
      output,
      new ManualClock(),
    );
    display.update(view(1));
    display.end();
    assert.deepEqual(lines, []);
  });

  it('stays within its line on a terminal, and gives the cursor back', async () => {
    const { output, lines } = collect(true);
    Object.assign(output.stream, { columns: 60, rows: 20 });
    const display = await openProgress(
      { json: false, quiet: false },
      output,
      output,
      new ManualClock(),
    );
    display.update(view(1));
    display.update(view(630));
    display.end();
    const text = lines.join('');
    assert.match(text, /630 done/);
    // Hidden while it changes, shown at the end.
    assert.ok(text.lastIndexOf('\u001b[?25h') > text.lastIndexOf('\u001b[?25l'));
    for (const line of text.split(/\r|\n|\u001b\[[0-9;?]*[A-Za-z]/))
      assert.ok(line.length < 60, line);
  });
});

describe('figures', () => {
  it('read well at any size, and never claim all where something is missing', () => {
    assert.deepEqual([0, 0.5, 3, 1234].map(formatRate), ['0/s', '30.0/min', '3.0/s', '1,234/s']);
    assert.equal(formatRate(0.001), '3.6/h');
    assert.equal(formatFraction(0.9999), '99 %');
    assert.equal(formatFraction(1), '100 %');
    assert.equal(formatEta(null), '?');
  });
});

describe('output', () => {
  const failing = (code: string) => {
    const stream = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error(code), { code })),
    });
    const options = {
      name: 'stdout',
      isTerminal: false,
      color: false,
      columns: () => 80,
      rows: () => 20,
    };
    return new Output(stream, options);
  };

  it('ends quietly when its reader has gone', async () => {
    const output = failing('EPIPE');
    await assert.rejects(async () => {
      await output.line('x');
      await output.flush();
    }, OutputGone);
  });

  it('says so when the disk is full', async () => {
    const output = failing('ENOSPC');
    await assert.rejects(
      async () => {
        await output.line('x');
        await output.flush();
      },
      { code: 'OUTPUT_FAILED', message: 'output cannot be written to stdout: ENOSPC' },
    );
  });

  it('waits for a reader that is slow', async () => {
    const taken: string[] = [];
    let release = () => {};
    const stream = new Writable({
      highWaterMark: 1,
      write: (chunk, _encoding, done) => {
        taken.push(String(chunk));
        release = done;
      },
    });
    const options = {
      name: 'stdout',
      isTerminal: false,
      color: false,
      columns: () => 80,
      rows: () => 20,
    };
    const output = new Output(stream, options);
    let written = false;
    const writing = output.line('first').then(() => {
      written = true;
    });
    await new Promise(setImmediate);
    assert.equal(written, false);
    release();
    await writing;
    assert.deepEqual(taken, ['first\n']);
  });
});
