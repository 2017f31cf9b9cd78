import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { until } from '../testing/until.ts';
import type { FileRead } from './bounded-read.ts';
import { SafeFiles } from './safe-files.ts';
import { Tail, type TailCursor } from './tail.ts';

function makeDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'windrow-files-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

const hasFuse =
  existsSync('/dev/fuse') &&
  ['squashfuse', 'mksquashfs'].every((name) => spawnSync(name).error === undefined);

/** A file system whose server the test can stop, so that whoever reads in it hangs. */
async function mountStoppable(
  t: TestContext,
): Promise<{ directory: string; path: string; server: ChildProcess }> {
  const directory = mkdtempSync(join(tmpdir(), 'windrow-hanging-'));
  const [content, image, path] = ['content', 'image', 'mounted'].map((name) =>
    join(directory, name),
  );
  mkdirSync(content!);
  mkdirSync(path!);
  for (const name of ['a', 'b', 'c']) writeFileSync(join(content!, name), `I am ${name}\n`);
  execFileSync('mksquashfs', [content!, image!, '-quiet', '-no-progress']);
  const server = spawn('squashfuse', ['-f', image!, path!], { stdio: 'ignore' });
  t.after(async () => {
    server.kill('SIGCONT');
    spawnSync('umount', ['-l', path!]);
    server.kill('SIGKILL');
    if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
    rmSync(directory, { recursive: true, force: true });
  });
  await until('it is mounted', () => existsSync(join(path!, 'a')));
  return { directory, path: path!, server };
}

function textOf(read: FileRead | undefined): string | undefined {
  return read?.kind === 'read' ? Buffer.from(read.bytes).toString() : undefined;
}

describe('reading files of others', () => {
  it('never takes more than asked, and says so', async (t) => {
    const directory = makeDirectory(t);
    const files = new SafeFiles({ timeoutMs: 2000 });
    t.after(() => files.close());
    const path = join(directory, 'file');
    writeFileSync(path, 'x'.repeat(1000));
    for (const [most, length, isCut] of [
      [999, 999, true],
      [1000, 1000, false],
      [5000, 1000, false],
    ] as const) {
      const read = await files.readFile(path, most);
      assert.ok(read.kind === 'read');
      assert.deepEqual([read.bytes.length, read.isCut], [length, isCut]);
    }
    const endless = await files.readFile('/dev/zero', 1000);
    assert.deepEqual(endless, { kind: 'failed', reason: 'it is no regular file' });
    const status = await files.readFile('/proc/self/status', 1 << 16);
    assert.ok(status.kind === 'read' && status.bytes.length > 100);
  });

  it('gives an answer for what is missing, forbidden, a directory, a FIFO or a loop of links', async (t) => {
    const directory = makeDirectory(t);
    const files = new SafeFiles({ timeoutMs: 2000 });
    t.after(() => files.close());
    const at = (name: string) => join(directory, name);
    execFileSync('mkfifo', [at('fifo')]);
    execFileSync('ln', ['-s', 'loop', at('loop')]);
    const found = await files.readFiles(
      [at('none'), at('fifo/below'), at('fifo'), directory, at('loop')],
      100,
    );
    assert.deepEqual(
      [...found.values()].map((read) => (read.kind === 'failed' ? read.reason : read.kind)),
      ['missing', 'missing', 'it is no regular file', 'it is no regular file', 'ELOOP'],
    );
    const listed = await files.listDirectory(directory, 10);
    assert.ok(listed.kind === 'listed');
    assert.deepEqual([...listed.names].sort(), ['fifo', 'loop']);
    assert.equal((await files.listDirectory(at('none'), 10)).kind, 'missing');
  });

  it('sends what did not change no second time to one who asks again and again', async (t) => {
    const directory = makeDirectory(t);
    const files = new SafeFiles({ timeoutMs: 2000 });
    t.after(() => files.close());
    const [here, there, none] = ['here', 'there', 'none'].map((name) => join(directory, name));
    const [all, most] = [[here!, there!, none!], 100_000];
    writeFileSync(here!, 'one');
    writeFileSync(there!, 'x'.repeat(70_000));
    const first = await files.readFilesAgain(all, most);
    assert.equal(textOf(first.get(here!)), 'one');
    // Others that ask in between, at the same time too, change nothing of it.
    const [second, other] = await Promise.all([
      files.readFilesAgain(all.slice(0, 1), most),
      files.readFilesAgain(all, most),
      files.readFiles([there!], 10),
    ]);
    assert.deepEqual([...second.keys()], [here]);
    assert.equal(textOf(other.get(there!))?.length, 70_000);
    assert.deepEqual(other, first);
    writeFileSync(there!, 'short');
    const changed = await files.readFilesAgain(all, most);
    assert.deepEqual([...changed.values()].map(textOf), ['one', 'short', undefined]);
    assert.equal(await files.readFilesAgain(all, most), changed);
    writeFileSync(here!, 'two');
    rmSync(there!);
    writeFileSync(none!, '');
    const again = await files.readFilesAgain(all, most);
    assert.deepEqual([...again.values()].map(textOf), ['two', undefined, '']);
    const listed = await files.listDirectoriesAgain([directory, none!], 10);
    assert.equal(await files.listDirectoriesAgain([directory, none!], 10), listed);
    renameSync(here!, there!);
    const renamed = (await files.listDirectoriesAgain([directory, none!], 10)).get(directory);
    assert.ok(renamed?.kind === 'listed');
    assert.deepEqual([...renamed.names].sort(), ['none', 'there']);
  });

  it('goes on when one of them hangs in the kernel, and comes back to it when it does not any more', {
    skip: hasFuse ? false : 'there is no FUSE, or no squashfuse',
  }, async (t) => {
    const { directory, path, server } = await mountStoppable(t);
    const files = new SafeFiles({ timeoutMs: 500 });
    t.after(() => files.close());
    const well = join(directory, 'well');
    writeFileSync(well, 'well');
    const stuck = join(path, 'b');
    assert.equal((await files.readFile(well, 100)).kind, 'read');
    server.kill('SIGSTOP');
    const wanted = [well, stuck, join(directory, 'none')];
    const found = await files.readFiles(wanted, 100);
    const kinds = wanted.map((one) => found.get(one)!.kind);
    assert.deepEqual(kinds, ['read', 'stuck', 'missing']);
    assert.deepEqual(files.stuck, [stuck]);
    // It is not tried again while it hangs; the rest is there at once.
    const began = performance.now();
    for (let i = 0; i < 20; i++) {
      assert.equal((await files.readFile(stuck, 100)).kind, 'stuck');
      assert.equal((await files.readFile(well, 100)).kind, 'read');
    }
    assert.ok(performance.now() - began < 400 * 20);
    server.kill('SIGCONT');
    await until('the thread has ended', () => files.stuck.length === 0);
    const read = await files.readFile(stuck, 100);
    assert.equal(read.kind === 'read' && Buffer.from(read.bytes).toString(), 'I am b\n');
  });

  it('gives up trying anything new when several hang', {
    skip: hasFuse ? false : 'there is no FUSE, or no squashfuse',
  }, async (t) => {
    const { path, server } = await mountStoppable(t);
    const files = new SafeFiles({ timeoutMs: 300 });
    t.after(() => files.close());
    server.kill('SIGSTOP');
    const wanted = ['c', 'b', 'x', 'y', 'z'].map((name) => join(path, name));
    const found = await files.readFiles([...wanted, '/proc/self/status'], 100);
    assert.ok([...found.values()].every(({ kind }) => kind === 'stuck'));
    assert.equal(files.stuck.length, 4);
    server.kill('SIGCONT');
    await until('the threads have ended', () => files.stuck.length === 0);
    assert.equal((await files.readFile('/proc/self/status', 100)).kind, 'read');
  });
});

const bornNs = (path: string) => statSync(path, { bigint: true }).birthtimeNs;

/** Follows a file in steps; `read` answers with all that is new. */
function follow(path: string, cursor: TailCursor | null = null) {
  const tail = new Tail(path, cursor);
  let last: TailCursor | null = cursor;
  const read = (most = 1 << 20): string => {
    let text = '';
    for (;;) {
      const { pieces, cursor: now } = tail.read(most);
      last = now;
      if (pieces.length === 0) return text;
      for (const { bytes, isNewFile } of pieces)
        text += (isNewFile ? '|' : '') + Buffer.from(bytes);
    }
  };
  return { read, tail, cursor: () => last };
}

describe('a file that is followed', () => {
  it('grows, in small pieces and large, and is read once', (t) => {
    const path = join(makeDirectory(t), 'log');
    const { read, tail } = follow(path);
    assert.equal(read(), '');
    assert.deepEqual(tail.read(10).trouble, { kind: 'missing' });
    writeFileSync(path, 'one\n');
    assert.equal(read(), '|one\n');
    assert.equal(read(), '');
    appendFileSync(path, 'two\nthr');
    assert.equal(read(2), 'two\nthr');
    appendFileSync(path, 'ee\n');
    assert.equal(read(), 'ee\n');
    appendFileSync(path, 'x'.repeat(100));
    assert.equal(tail.read(10).behindBytes, 90);
  });

  it('is renamed: the rest of the old one comes first, also what is written to it afterwards', (t) => {
    const path = join(makeDirectory(t), 'log');
    const { read } = follow(path);
    writeFileSync(path, 'a1\n');
    assert.equal(read(), '|a1\n');
    appendFileSync(path, 'a2\n');
    renameSync(path, `${path}.1`);
    writeFileSync(path, 'b1\n');
    assert.equal(read(), 'a2\n|b1\n');
    appendFileSync(`${path}.1`, 'a3\n');
    appendFileSync(path, 'b2\n');
    assert.equal(read(), 'a3\nb2\n');
    for (let i = 0; i < 30; i++) assert.equal(read(), '');
    appendFileSync(path, 'b3\n');
    assert.equal(read(), 'b3\n');
  });

  it('is renamed several times before anybody looks: nothing of those that came between is lost', (t) => {
    const path = join(makeDirectory(t), 'log');
    const { read, tail, cursor } = follow(path);
    writeFileSync(`${path}.9`, 'of before\n');
    writeFileSync(path, 'a1\n');
    assert.equal(read(), '|a1\n');
    const rotate = (...lines: string[]) => {
      for (const number of [3, 2, 1]) {
        if (existsSync(`${path}.${number}`))
          renameSync(`${path}.${number}`, `${path}.${number + 1}`);
      }
      renameSync(path, `${path}.1`);
      // Files of one tick of the kernel's clock are born at the same time.
      do writeFileSync(path, lines.join(''), { flag: 'wx' });
      while (bornNs(path) === bornNs(`${path}.1`) && unlinkSync(path) === undefined);
    };
    appendFileSync(path, 'a2\n');
    copyFileSync(path, `${path}.bak`);
    rotate('b1\n');
    writeFileSync(`${path}.2.gz`, 'packed');
    rotate('c1\n');
    // The oldest alone is read at first, and then the process ends.
    const first = tail.read(1);
    assert.deepEqual(
      first.pieces.map(({ bytes }) => Buffer.from(bytes).toString()),
      ['a'],
    );
    const place = first.cursor;
    rotate('d1\n');
    const again = follow(path, place);
    assert.equal(again.read(), '2\n|b1\n|c1\n|d1\n');
    assert.equal(read(), '2\n|b1\n|c1\n|d1\n');
    rotate('e1\n');
    appendFileSync(`${path}.1`, 'd2\n');
    assert.equal(follow(path, cursor()).read(), 'd2\n|e1\n');
  });

  it('is copied away and cut to nothing: it is read from the beginning', (t) => {
    const path = join(makeDirectory(t), 'log');
    const { read } = follow(path);
    writeFileSync(path, 'a1\na2\n');
    read();
    copyFileSync(path, `${path}.1`);
    truncateSync(path);
    appendFileSync(path, 'b1\n');
    assert.equal(read(), '|b1\n');
    truncateSync(path);
    assert.equal(read(), '');
    // Grown past the place where it was read before anybody looked.
    appendFileSync(path, 'c1\nc2\nc3\nc4\n');
    assert.equal(read(), '|c1\nc2\nc3\nc4\n');
    truncateSync(path);
    appendFileSync(path, 'd1\nd2\nd3\nd4\nd5\n');
    assert.equal(read(), '|d1\nd2\nd3\nd4\nd5\n');
  });

  it('vanishes and comes back', (t) => {
    const path = join(makeDirectory(t), 'log');
    const { read } = follow(path);
    writeFileSync(path, 'a1\n');
    read();
    unlinkSync(path);
    assert.equal(read(), '');
    writeFileSync(path, 'b1\n');
    assert.equal(read(), '|b1\n');
  });

  it('is gone on with after a restart, wherever it was rotated to meanwhile', (t) => {
    const directory = makeDirectory(t);
    const path = join(directory, 'log');
    writeFileSync(path, 'a1\na2\n');
    const first = follow(path);
    first.read();
    appendFileSync(path, 'a3\n');
    assert.equal(follow(path, first.cursor()).read(), 'a3\n');
    renameSync(path, `${path}.1`);
    writeFileSync(path, 'b1\n');
    assert.equal(follow(path, first.cursor()).read(), 'a3\n|b1\n');
    rmSync(`${path}.1`);
    assert.equal(follow(path, first.cursor()).read(), '|b1\n');
    const second = follow(path);
    second.read();
    truncateSync(path);
    appendFileSync(path, 'c1\nc2\n');
    assert.equal(follow(path, second.cursor()).read(), '|c1\nc2\n');
  });

  it('that is none is not read', (t) => {
    const directory = makeDirectory(t);
    execFileSync('mkfifo', [join(directory, 'fifo')]);
    for (const path of [directory, join(directory, 'fifo'), '/dev/zero']) {
      const { trouble } = new Tail(path, null).read(100);
      assert.deepEqual(trouble, { kind: 'failed', reason: 'it is no regular file' }, path);
    }
  });
});
