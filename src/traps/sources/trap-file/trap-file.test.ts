import assert from 'node:assert/strict';
import {
  appendFileSync,
  copyFileSync,
  mkdtempSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { SafeFiles } from '../../files/safe-files.ts';
import { openCollector } from '../../testing/collector.ts';
import { until } from '../../testing/until.ts';
import { Malformed } from '../json-report.ts';
import { Lines } from '../lines.ts';
import { OwnTroubles } from '../own-troubles.ts';
import { readTrapLine } from './line.ts';
import { TrapFile } from './trap-file.ts';

function openTrapFile(t: TestContext, options: { path?: string; cursor?: string } = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'windrow-trap-file-'));
  const path = options.path ?? join(directory, 'traps');
  const { collector } = openCollector();
  // As another process would: each follows files by itself.
  const files = new SafeFiles({ timeoutMs: 2000 });
  const seen = { cursor: options.cursor ?? null, problems: [] as string[], absent: 0 };
  const source = new TrapFile({
    ...{ path, pollMs: 20, files, sink: collector, cursor: seen.cursor },
    own: new OwnTroubles(collector, 'here', 'life'),
    setCursor: (cursor) => {
      seen.cursor = cursor;
    },
    onTaken: () => {},
    onProblem: (problem) => {
      // Most tests write the file when the first look is under way.
      if (problem === `${path} is not there; it is followed as soon as it is`) seen.absent++;
      else seen.problems.push(problem);
    },
  });
  t.after(async () => {
    await source.close();
    await files.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const messages = () => collector.all().map(({ message }) => message);
  const told = (...expected: string[]) =>
    until(`there is ${expected.at(-1)}`, () => messages().at(-1) === expected.at(-1)).then(() =>
      assert.deepEqual(messages(), expected),
    );
  return { path, source, collector, seen, messages, told };
}

const line = (id: number, message: string) => `${id} 1795280000 2 fs1 oss1 ${message}\n`;

describe('a trap file', () => {
  it('is followed as it grows, with unfinished and empty lines, and comments', async (t) => {
    const { path, told, collector } = openTrapFile(t);
    writeFileSync(path, `# traps of rack 7\n\n${line(1, 'one')}`);
    await told('one');
    appendFileSync(path, '2 1795280001.5 fatal - oss2 t');
    appendFileSync(path, 'wo  words \r\n3 2026-11-21T16:22:04Z info fs1 oss1');
    appendFileSync(path, '\n');
    await told('one', 'two  words', '');
    const [, two, three] = collector.all();
    assert.deepEqual(
      [two!.category, two!.fileSystem, two!.node, two!.atMs, two!.source],
      [3, '', 'oss2', 1_795_280_001_500, 'file'],
    );
    assert.equal(three!.atMs, Date.parse('2026-11-21T16:22:04Z'));
  });

  it('that is not there is told of once, and followed as soon as it is', async (t) => {
    const { path, seen, told } = openTrapFile(t);
    await until('it was looked for', () => seen.absent > 0);
    writeFileSync(path, line(1, 'one'));
    await told('one');
    rmSync(path);
    writeFileSync(path, line(2, 'two'));
    await told('one', 'two');
    assert.equal(seen.absent, 1);
  });

  it('is rotated by renaming and by copying, and nothing is missed or told twice', async (t) => {
    const { path, told } = openTrapFile(t);
    writeFileSync(path, line(1, 'a1'));
    await told('a1');
    appendFileSync(path, '2 1795280000 2 fs1 oss1 a2 without its end');
    renameSync(path, `${path}.1`);
    writeFileSync(path, line(3, 'b1'));
    await told('a1', 'a2 without its end', 'b1');
    copyFileSync(path, `${path}.2`);
    truncateSync(path);
    appendFileSync(path, line(4, 'c1') + line(5, 'c2'));
    await told('a1', 'a2 without its end', 'b1', 'c1', 'c2');
    // A writer that does not append goes on behind a hole.
    truncateSync(path);
    writeFileSync(path, `${'\0'.repeat(100)}${line(6, 'd1')}`);
    await told('a1', 'a2 without its end', 'b1', 'c1', 'c2', 'd1');
  });

  it('may hold anything: what is no trap is counted and named by its line', async (t) => {
    const { path, told, seen, collector } = openTrapFile(t);
    writeFileSync(
      path,
      Buffer.concat([
        Buffer.from('rubbish\n1 soon 2 fs1 oss1 x\n1 1795280000 7 fs1 oss1 x\n'),
        Buffer.from([0xff, 0xfe, 0x00, 0x0a]),
        Buffer.from('2 1795280000 1 fs1 oss1 '),
        Buffer.from([0xff, 0x1b, 0x00, 0xc3]),
        Buffer.from(
          `end\n${'x'.repeat(1 << 20)}\n3 1795280000 1 fs1 oss1 ${'y'.repeat(300_000)}\n`,
        ),
        Buffer.from(line(4, 'last')),
      ]),
    );
    await until('it is read', () => collector.size === 3);
    const [binary, long] = collector.all();
    assert.equal(binary!.message, '\ufffd\u001b\0\ufffdend');
    assert.match(long!.message, /^y{65536}… \[\d+ more characters\]$/);
    assert.equal(collector.counters.values().malformed, 5);
    assert.match(seen.problems[1]!, /traps:2: found "soon", expected a time$/);
    await told(binary!.message, long!.message, 'last');
  });

  it('is gone on with after a restart, and read anew without the place is no news', async (t) => {
    const first = openTrapFile(t);
    writeFileSync(first.path, line(1, 'one') + line(2, 'two'));
    await first.told('one', 'two');
    await first.source.close();
    appendFileSync(first.path, line(3, 'three'));
    const second = openTrapFile(t, { path: first.path, cursor: first.seen.cursor! });
    await second.told('three');
    await second.source.close();
    const third = openTrapFile(t, { path: first.path, cursor: 'rubbish' });
    await third.told('one', 'two', 'three');
    const ids = new Set(first.collector.all().map(({ id }) => id));
    assert.equal(third.collector.all().filter(({ id }) => ids.has(id)).length, 2);
  });

  it('that cannot be read is a trap, and its end when it can be', async (t) => {
    const { path, messages, collector } = openTrapFile(t, { path: tmpdir() });
    await until('it is told', () => messages().length === 1);
    assert.deepEqual(messages(), [`${path}: it cannot be read: it is no regular file`]);
    assert.equal(collector.all()[0]!.node, 'here');
  });
});

describe('a line of a trap file', () => {
  it('has an id by the source, so that two who read it agree', () => {
    const one = readTrapLine(line(17, 'x'));
    assert.ok(one && !(one instanceof Malformed));
    assert.equal(one.sequence, '17@1795280000000');
  });
});

describe('cutting lines', () => {
  it('keeps no more of a line than allowed, whatever comes, in whatever pieces', () => {
    const found: string[] = [];
    const lines = new Lines(10, (one) => void found.push(one));
    for (const byte of Buffer.from(`short\r\n${'x'.repeat(25)}\n\nö\n`))
      lines.push(Buffer.from([byte]));
    lines.push(Buffer.from('no end'));
    lines.end();
    assert.deepEqual(found, ['short', 'xxxxxxxxxx… [15 more bytes]', 'ö', 'no end']);
    lines.push(Buffer.alloc(100_000_000, 'y'));
    assert.equal(lines.pendingBytes, 10);
  });
});
