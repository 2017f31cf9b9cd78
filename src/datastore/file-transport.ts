/** `file`: what lies on this machine or on a file system that it mounts. */
import { constants } from 'node:fs';
import { access, copyFile, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { systemReasonOf } from '#base';
import { type Brought, type FileOrder, type FileTransport, TransferFailure } from './transport.ts';

/** Copied, not linked: whoever owns the file may go on writing to it. */
export function openFileTransport(): FileTransport {
  return { kind: 'file', schemes: ['file'], originOf: () => 'file:', bring };
}

async function bring({ url, path, known, mostBytes, onProgress }: FileOrder): Promise<Brought> {
  const source = pathOf(url);
  const before = await look(source);
  if (known?.etag === before.etag) return { kind: 'unchanged', way: 'direct' };
  if (before.bytes > mostBytes) throw new TransferFailure('refused', `${source} is too large`);
  onProgress(0, before.bytes);
  await copyFile(source, path, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
  const after = await look(source);
  if (after.etag !== before.etag) {
    throw new TransferFailure('again', `${source} changed while it was copied`);
  }
  onProgress(before.bytes, before.bytes);
  return {
    kind: 'whole',
    totalBytes: before.bytes,
    validators: { etag: before.etag, lastModified: null, date: null },
    mediaType: null,
    digests: {},
    way: 'direct',
    isPrivate: false,
  };
}

function pathOf(url: URL): string {
  try {
    return fileURLToPath(url);
  } catch {
    throw new TransferFailure('refused', `${url.href} names no file of this machine`);
  }
}

async function look(path: string): Promise<{ bytes: number; etag: string }> {
  try {
    await access(path, constants.R_OK);
    const { size, ino, mtimeNs, mode } = await stat(path, { bigint: true });
    if ((Number(mode) & constants.S_IFMT) !== constants.S_IFREG) {
      throw new TransferFailure('refused', `${path} is no plain file`);
    }
    return { bytes: Number(size), etag: `"${ino}-${size}-${mtimeNs}"` };
  } catch (error) {
    if (error instanceof TransferFailure) throw error;
    const told = `${path} cannot be read: ${systemReasonOf(error)}`;
    throw new TransferFailure('refused', told, { cause: error });
  }
}
