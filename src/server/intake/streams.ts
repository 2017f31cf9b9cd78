/** Files that stream in: bounded, under a name of their own until they are whole and synced. */
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { messageOf, syncDirectory, systemCodeOf, WindrowError } from '#base';
import { wireErrors } from '#wire';
import { serverErrors } from '../errors.ts';

export interface Received {
  readonly bytes: number;
  readonly sha256: string;
}

export interface ReceiveOptions {
  readonly limitBytes: number;
  /** Sees each chunk after it was written; may throw to refuse the rest. */
  readonly onChunk?: (chunk: Buffer) => void;
  /** Whether it must survive the loss of power by itself. */
  readonly sync: boolean;
}

/**
 * Writes a stream to `path` by way of `path` + `.partial-…`, so that `path` is whole or not there.
 * `keep` is asked once everything came: it returns the final name, or null to drop the file.
 */
export async function receiveFile(
  body: AsyncIterable<Buffer>,
  partial: string,
  options: ReceiveOptions,
  keep: (received: Received) => string | null,
): Promise<Received> {
  await mkdir(dirname(partial), { recursive: true, mode: 0o700 });
  const file = await open(partial, 'wx', 0o600).catch((error) => {
    throw storageError(error, partial);
  });
  const digest = createHash('sha256');
  let bytes = 0;
  try {
    for await (const chunk of body) {
      bytes += chunk.length;
      if (bytes > options.limitBytes) {
        throw serverErrors.create('UPLOAD_TOO_LARGE', { limit: options.limitBytes });
      }
      await file.write(chunk);
      digest.update(chunk);
      options.onChunk?.(chunk);
    }
    if (options.sync) await file.sync();
    const received = { bytes, sha256: digest.digest('hex') };
    const final = keep(received);
    if (final !== null) {
      await rename(partial, final);
      if (options.sync) await syncDirectory(dirname(final));
    }
    return received;
  } catch (error) {
    if (error instanceof WindrowError) throw error;
    if (isCut(error)) throw serverErrors.create('UPLOAD_CUT', { bytes }, { cause: error });
    throw storageError(error, partial);
  } finally {
    await file.close();
    await rm(partial, { force: true });
  }
}

function isCut(error: unknown): boolean {
  const code = systemCodeOf(error);
  return code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ABORT_ERR';
}

const PARTIAL = 'partial-';

/** A name of its own for a file that is still coming in. */
export function partialName(): string {
  return `${PARTIAL}${randomUUID()}`;
}

/** Removes what a killed server left half-received in a folder; the folder may not be there. */
export function removePartials(folder: string): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    if (name.startsWith(PARTIAL)) rmSync(join(folder, name), { force: true });
  }
}

/** A full disk is a named error; everything else stays what it was. */
export function storageError(error: unknown, file: string): unknown {
  const code = systemCodeOf(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return diskFull(file, error);
  }
  return error;
}

export function diskFull(file: string, cause?: unknown): WindrowError {
  const reason = cause === undefined ? 'there is no room for it' : messageOf(cause);
  return wireErrors.create('DISK_FULL', { file, reason }, { cause });
}
