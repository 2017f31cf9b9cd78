/** Digests of a file that lies here, read in blocks: constant memory at any size. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';

const BLOCK_BYTES = 1 << 20;

export async function sha256Of(path: string): Promise<string> {
  return (await digestsOf(path, ['sha256'])).digests.sha256!;
}

/** `algorithms` as OpenSSL names them. */
export async function digestsOf(
  path: string,
  algorithms: readonly string[],
): Promise<{ readonly bytes: number; readonly digests: Readonly<Record<string, string>> }> {
  const hashes = algorithms.map((name) => [name, createHash(name)] as const);
  let bytes = 0;
  for await (const block of blocksOf(path)) {
    for (const [, hash] of hashes) hash.update(block);
    bytes += block.length;
  }
  const digests = Object.fromEntries(hashes.map(([name, hash]) => [name, hash.digest('hex')]));
  return { bytes, digests };
}

/** The same memory for every block: to be used before the next one is asked for. */
export async function* blocksOf(path: string): AsyncGenerator<Uint8Array> {
  const handle = await open(path, 'r');
  try {
    const block = Buffer.allocUnsafe(BLOCK_BYTES);
    for (;;) {
      const { bytesRead } = await handle.read(block, 0, BLOCK_BYTES, null);
      if (bytesRead === 0) return;
      yield block.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}
