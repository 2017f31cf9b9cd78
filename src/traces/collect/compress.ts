/** Makes a trace small before it travels; what is compressed already goes as it is. */
import { spawn } from 'node:child_process';
import { createReadStream, createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createZstdCompress } from 'node:zlib';
import { messageOf } from '#base';
import { tracesErrors } from '../errors.ts';

export const COMPRESSIONS = ['zstd', 'bzip2', 'none'] as const;
export type Compression = (typeof COMPRESSIONS)[number];

/** First bytes of compressed files. */
const MAGIC: Readonly<Record<string, Buffer>> = {
  bzip2: Buffer.from('BZh'),
  gzip: Buffer.from([0x1f, 0x8b]),
  xz: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]),
  zstd: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]),
};

/** `bzip2`, `gzip`, `xz` or `zstd`, by the first bytes; null for anything else. */
export async function compressionOf(path: string): Promise<string | null> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(6), 0, 6, 0);
    const head = buffer.subarray(0, bytesRead);
    const found = Object.entries(MAGIC).find(([, magic]) =>
      head.subarray(0, magic.length).equals(magic),
    );
    return found?.[0] ?? null;
  } finally {
    await file.close();
  }
}

/** What is sent for a file: itself, or a compressed copy in `spool`, with the name it is to have. */
export interface Parcel {
  readonly path: string;
  readonly name: string;
  readonly isCopy: boolean;
}

/**
 * @param path of what is read
 * @param file what it is called
 * Throws TRACE_COMPRESSION_FAILED, and the system's errors of reading.
 */
export async function pack(
  path: string,
  file: string,
  method: Compression,
  spool: string,
): Promise<Parcel> {
  const name = basename(file);
  if (method === 'none' || (await compressionOf(path)) !== null)
    return { path, name, isCopy: false };
  const packed = `${name}.${method === 'zstd' ? 'zst' : 'bz2'}`;
  const target = join(spool, packed);
  try {
    if (method === 'zstd')
      await pipeline(createReadStream(path), createZstdCompress(), createWriteStream(target));
    else await runBzip2(path, target);
  } catch (error) {
    const facts = { file, method, reason: messageOf(error) };
    throw tracesErrors.create('TRACE_COMPRESSION_FAILED', facts, { cause: error });
  }
  return { path: target, name: packed, isCopy: true };
}

/** By the system's program: there is no well-kept library. */
async function runBzip2(path: string, target: string): Promise<void> {
  const from = await open(path, 'r');
  const to = await open(target, 'wx', 0o600);
  try {
    await new Promise<void>((resolve, reject) => {
      const child = spawn('bzip2', ['-c'], { stdio: [from.fd, to.fd, 'pipe'] });
      let said = '';
      child.stderr!.setEncoding('utf8').on('data', (text: string) => {
        said = (said + text).slice(-500);
      });
      child.once('error', reject);
      child.once('close', (code) => {
        if (code === 0) resolve();
        else reject(new Error(said.trim() || `it ended with exit status ${code}`));
      });
    });
  } finally {
    await from.close();
    await to.close();
  }
}
