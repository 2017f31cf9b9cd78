/** A file that comes from a datastore: whole under its name, and gone on with where it broke off. */
import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { systemReasonOf, WindrowError } from '#base';
import type { ReadEntry } from './data-desk.ts';
import { cliErrors } from './errors.ts';

/** What came is of no use. */
const USELESS = new Set(['DATA_GOT_DAMAGED', 'DATA_REPLACED']);
const READ_BYTES = 1 << 20;

export interface Receiving {
  readonly key: string;
  /** Absolute; what lies there stays until the whole file takes its place. */
  readonly path: string;
  /** Of the bytes that are there, also by an earlier run. */
  onBytes(bytes: number): void;
  /** What came is kept at this path: the same command goes on behind it. */
  onLeft(part: string): void;
}

/** Throws DATA_FILE_FAILED, DATA_GOT_DAMAGED, and what reading the entry throws. */
export async function receiveFile(entry: ReadEntry, receiving: Receiving): Promise<void> {
  const { key, path } = receiving;
  // Of this very version: another one has another name. Whoever else is at it writes the same bytes.
  const part = `${path}.${entry.sha256.slice(0, 12)}.part`;
  try {
    await receiveInto(part, entry, receiving);
    await rename(part, path);
  } catch (error) {
    if (!isWorthKeeping(error)) await rm(part, { force: true });
    if (error instanceof WindrowError) throw error;
    throw cliErrors.create('DATA_FILE_FAILED', { key, path, reason: systemReasonOf(error) });
  }
}

async function receiveInto(part: string, entry: ReadEntry, receiving: Receiving): Promise<void> {
  const file = await open(part, 'a+', 0o666);
  let at = 0;
  try {
    const left = await digestOfLeft(file, entry.bytes);
    at = left.bytes;
    for await (const block of entry.open(at)) {
      left.hash.update(block);
      await file.appendFile(block);
      at += block.length;
      receiving.onBytes(at);
    }
    if (left.hash.digest('hex') === entry.sha256) return await file.sync();
    throw cliErrors.create('DATA_GOT_DAMAGED', { key: receiving.key });
  } catch (error) {
    if (isWorthKeeping(error)) {
      if (at > 0) receiving.onLeft(part);
      else await rm(part, { force: true });
    }
    throw error;
  } finally {
    await file.close();
  }
}

/** The other side has failed, or the user broke it off; not this machine's disk. */
function isWorthKeeping(error: unknown): boolean {
  return error instanceof WindrowError && !USELESS.has(error.code);
}

/** What an earlier run left; none of it when it cannot be a part of the file. */
async function digestOfLeft(
  file: FileHandle,
  mostBytes: number,
): Promise<{ readonly hash: Hash; readonly bytes: number }> {
  const hash = createHash('sha256');
  const { size } = await file.stat();
  if (size > mostBytes) {
    await file.truncate(0);
    return { hash, bytes: 0 };
  }
  const block = Buffer.allocUnsafe(READ_BYTES);
  let bytes = 0;
  while (bytes < size) {
    const { bytesRead } = await file.read(block, 0, Math.min(READ_BYTES, size - bytes), bytes);
    if (bytesRead === 0) break;
    hash.update(block.subarray(0, bytesRead));
    bytes += bytesRead;
  }
  return { hash, bytes };
}
