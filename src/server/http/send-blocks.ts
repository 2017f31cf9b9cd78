/** Bytes of a file as an answer: in large blocks, whose memory is used again and again. */
import type { FileHandle } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';

const LARGE_BYTES = 512 * 1024;
const SMALL_BYTES = 64 * 1024;
/** Of all answers under way. */
const BUDGET_BYTES = 32 * 2 ** 20;
const MOST_IDLE = 8;

let underWay = 0;
const idle: Buffer[] = [];

/**
 * Sends the bytes from `start` up to and with `end`, and ends the answer; its head is written already.
 * Never rejects: a file that is shorter or cannot be read can only break the answer off.
 */
export async function sendBlocks(
  response: ServerResponse,
  file: FileHandle,
  { start, end }: { readonly start: number; readonly end: number },
): Promise<void> {
  underWay++;
  const isLarge = underWay * LARGE_BYTES <= BUDGET_BYTES;
  const block =
    (isLarge ? idle.pop() : undefined) ??
    Buffer.allocUnsafeSlow(isLarge ? LARGE_BYTES : SMALL_BYTES);
  try {
    for (let at = start; at <= end; ) {
      const { bytesRead } = await file.read(block, 0, Math.min(block.length, end + 1 - at), at);
      if (bytesRead === 0 || response.destroyed) return void response.destroy();
      at += bytesRead;
      await written(response, block.subarray(0, bytesRead));
    }
    response.end();
    if (isLarge && idle.length < MOST_IDLE) idle.push(block);
  } catch {
    response.destroy(); // its block may still be on its way: it is not used again
  } finally {
    underWay--;
  }
}

/** Resolves when the system has taken the bytes, so that their memory is free. */
async function written(response: ServerResponse, bytes: Buffer): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const gone = () => reject(new Error('the connection is gone'));
  response.once('close', gone);
  response.write(bytes, (error) => (error ? reject(error) : resolve()));
  try {
    await promise;
  } finally {
    response.off('close', gone);
  }
}
