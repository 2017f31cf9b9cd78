import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { BLOCK_BYTES } from './blocks.ts';
import { Digests } from './digests.ts';
import { IncomingFile } from './incoming-file.ts';

/** Directories on which a test has mounted something. */
const mounted = new Set<string>();

function open(t: TestContext): { directory: string; digests: Digests } {
  const directory = mkdtempSync(join(tmpdir(), 'windrow-incoming-'));
  const digests = new Digests();
  t.after(async () => {
    await digests.close();
    if (mounted.delete(directory)) spawnSync('umount', ['-l', directory]);
    rmSync(directory, { recursive: true, force: true });
  });
  return { directory, digests };
}

/** No two of its blocks are the same, nor are their pages. */
function content(bytes: number): Buffer {
  const all = Buffer.alloc(bytes);
  for (let at = 0; at + 4 <= bytes; at += 512) all.writeUInt32LE(at + 1, at);
  return all;
}

const sha256Of = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** In pieces of changing size, as they come from a socket; how many were taken. */
async function addAll(file: IncomingFile, bytes: Buffer, most = 65_536): Promise<number> {
  let pieces = 0;
  for (let at = 0; at < bytes.length; pieces++) {
    const size = 1 + ((pieces * 7919 + most - 1) % most);
    await file.add(Buffer.from(Uint8Array.prototype.slice.call(bytes, at, at + size).buffer));
    at += size;
  }
  return pieces;
}

/** A file system of the test's own; false where it may not mount one, and the test is skipped. */
function mount(t: TestContext, directory: string, type: string, options = 'mode=0700'): boolean {
  const { status } = spawnSync('mount', ['-t', type, '-o', options, 'windrow-test', directory]);
  if (status === 0) mounted.add(directory);
  else t.skip(`${type} cannot be mounted here`);
  return status === 0;
}

/** All have been given back. */
function assertBlocksAreFree({ blocks }: Digests): void {
  const taken = Array.from({ length: 33 }, () => blocks.take());
  assert.equal(taken.filter(({ isAligned }) => isAligned).length, 32);
  for (const block of taken) blocks.give(block);
}

/** Writes past the system's copy, and those before which something was only in that copy. */
function directWrites(trace: string): { direct: number; early: number } {
  let [direct, early, isCached, descriptor] = [0, 0, false, ''];
  for (const line of trace.split('\n')) {
    descriptor = /O_DIRECT.* = (\d+)/.exec(line)?.[1] ?? descriptor;
    const written = /pwrite(?:v|64)\((\d+)/.exec(line)?.[1];
    if (/fdatasync.* = 0$/.test(line)) isCached = false;
    if (written === undefined) continue;
    if (written !== descriptor) isCached = true;
    else [direct, early] = [direct + 1, early + Number(isCached)];
  }
  return { direct, early };
}

describe('a file that comes in', () => {
  it('is what was sent, and its digest too, whatever its size and its pieces', async (t) => {
    const { directory, digests } = open(t);
    for (const [bytes, most] of [
      [0, 1],
      [1, 1],
      [BLOCK_BYTES, 65_536],
      [3 * BLOCK_BYTES + 1, 65_536],
      [6 * BLOCK_BYTES - 513, 3 * BLOCK_BYTES],
    ] as const) {
      const path = join(directory, `${bytes}`);
      const all = content(bytes);
      const file = await IncomingFile.create(path, digests);
      await addAll(file, all, most);
      assert.equal(file.bytes, bytes);
      assert.equal(await file.close('digest'), sha256Of(all));
      assert.ok(readFileSync(path).equals(all));
    }
    assertBlocksAreFree(digests);
  });

  it('is gone on with behind any byte', async (t) => {
    const { directory, digests } = open(t);
    const path = join(directory, 'file');
    const all = content(5 * BLOCK_BYTES + 99);
    for (const bytes of [1, 4096, BLOCK_BYTES, BLOCK_BYTES + 777]) {
      writeFileSync(path, all.subarray(0, bytes));
      const file = await IncomingFile.resume(path, bytes, digests);
      await addAll(file, all.subarray(bytes));
      assert.equal(file.bytes, all.length);
      assert.equal(await file.close('digest'), null);
      assert.ok(readFileSync(path).equals(all), `from ${bytes}`);
    }
    assert.equal(await digests.ofFile(path), sha256Of(all));
  });

  it('has memory also where many come at once, and shares it with none of them', async (t) => {
    const { directory, digests } = open(t);
    const all = Array.from({ length: 20 }, (_, index) => content(2 * BLOCK_BYTES + index * 1000));
    const files = await Promise.all(
      all.map((_, index) => IncomingFile.create(join(directory, `${index}`), digests)),
    );
    await Promise.all(files.map((file, index) => addAll(file, all[index]!)));
    const sums = await Promise.all(files.map((file) => file.close('digest')));
    assert.deepEqual(sums, all.map(sha256Of));
    for (const [index, bytes] of all.entries())
      assert.ok(readFileSync(join(directory, `${index}`)).equals(bytes));
    assertBlocksAreFree(digests);
  });

  it('does not push out of memory what others read', async (t) => {
    const { directory, digests } = open(t);
    const isKnown = [0xef53, 0x58465342].includes(statfsSync(directory).type);
    if (!isKnown || spawnSync('fincore', ['--version']).status !== 0)
      return t.skip('this needs ext4 or XFS, and fincore');
    const path = join(directory, 'file');
    const file = await IncomingFile.create(path, digests);
    await addAll(file, content(8 * BLOCK_BYTES + 5));
    await file.close('digest');
    const inMemory = execFileSync('fincore', ['-nb', '-o', 'RES', path], { encoding: 'utf8' });
    assert.ok(Number(inMemory) <= BLOCK_BYTES, `${inMemory.trim()} bytes of it are`);
  });

  it('comes also where the system must not be bypassed', async (t) => {
    const { directory, digests } = open(t);
    if (!mount(t, directory, 'ramfs')) return;
    const path = join(directory, 'file');
    const all = content(4 * BLOCK_BYTES + 5);
    const file = await IncomingFile.create(path, digests);
    await addAll(file, all);
    assert.equal(await file.close('digest'), sha256Of(all));
    assert.ok(readFileSync(path).equals(all));
  });

  it('that finds no room is refused soon, and what came of it stays as it came', async (t) => {
    const { directory, digests } = open(t);
    if (!mount(t, directory, 'tmpfs', 'size=3500k')) return;
    const path = join(directory, 'file');
    const all = content(64 * BLOCK_BYTES);
    const file = await IncomingFile.create(path, digests);
    await assert.rejects(addAll(file, all), { code: 'ENOSPC' });
    assert.ok(file.bytes < 32 * BLOCK_BYTES, `${file.bytes} bytes were taken`);
    await assert.rejects(file.close('digest'), { code: 'ENOSPC' });
    await file.abandon();
    const came = readFileSync(path);
    assert.ok(came.length >= 3 * BLOCK_BYTES && came.equals(all.subarray(0, came.length)));
    assertBlocksAreFree(digests);
  });

  it('that is not wanted any more leaves nothing open and no memory taken', async (t) => {
    const { directory, digests } = open(t);
    const path = join(directory, 'file');
    const file = await IncomingFile.create(path, digests);
    await addAll(file, content(3 * BLOCK_BYTES + 5));
    await file.abandon();
    await file.abandon();
    const links = execFileSync('find', [`/proc/${process.pid}/fd`, '-lname', `${directory}/*`]);
    assert.equal(links.toString(), '');
    assertBlocksAreFree(digests);
  });
});

describe('a file that is gone on with', () => {
  it('is never longer on the disk than what is in it, whenever power is lost', (t) => {
    const { directory } = open(t);
    const path = join(directory, 'file');
    const trace = join(directory, 'trace');
    writeFileSync(path, content(1000));
    const program = `
      import { Digests } from ${JSON.stringify(join(import.meta.dirname, 'digests.ts'))};
      import { IncomingFile } from ${JSON.stringify(join(import.meta.dirname, 'incoming-file.ts'))};
      const digests = new Digests();
      const file = await IncomingFile.resume(${JSON.stringify(path)}, 1000, digests);
      for (let i = 0; i < 6 * 16; i++) await file.add(Buffer.alloc(65_536, i));
      await file.close('no digest');
      await digests.close();`;
    const calls = ['-f', '-e', 'trace=openat,pwritev,pwrite64,fdatasync', '-o', trace];
    const node = [process.execPath, '--input-type=module', '-e', program];
    const { status, stderr } = spawnSync('strace', [...calls, ...node]);
    if (status === null) return t.skip('there is no strace');
    assert.equal(status, 0, stderr.toString());
    const { direct, early } = directWrites(readFileSync(trace, 'utf8'));
    if (direct === 0) return t.skip('this file system is not written to past the cache');
    assert.equal(early, 0);
  });
});
