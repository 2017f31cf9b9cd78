import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, constants, open, stat } from 'node:fs/promises';
import { systemCodeOf } from '#base';

const HEAD_BYTES = 64;

export interface FileFacts {
  readonly bytes: number;
  readonly sha256: string;
  readonly md5: string;
  /** The first bytes, enough to tell what kind of program it is. */
  readonly head: Buffer;
  readonly executable: boolean;
}

/** A file that cannot be used, with the reason for people. */
export interface FileTrouble {
  readonly trouble: string;
}

/** Size and digests of a regular file; reads it once, in pieces. */
export async function readFileFacts(path: string): Promise<FileFacts | FileTrouble> {
  try {
    const { size, trouble } = await sizeOf(path);
    if (trouble !== undefined) return { trouble };
    const [sha256, md5] = [createHash('sha256'), createHash('md5')];
    for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) {
      sha256.update(chunk as Buffer);
      md5.update(chunk as Buffer);
    }
    return {
      bytes: size,
      sha256: sha256.digest('hex'),
      md5: md5.digest('hex'),
      head: await readHead(path),
      executable: await isExecutable(path),
    };
  } catch (error) {
    return { trouble: describeTrouble(error) };
  }
}

/** Size of a regular file, or why it is none. */
export async function sizeOf(path: string): Promise<{ size: number; trouble?: string }> {
  try {
    const stats = await stat(path);
    if (stats.isFile()) return { size: stats.size };
    const trouble = stats.isDirectory() ? 'it is a directory' : 'it is no regular file';
    return { size: 0, trouble };
  } catch (error) {
    return { size: 0, trouble: describeTrouble(error) };
  }
}

async function readHead(path: string): Promise<Buffer> {
  const file = await open(path);
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    const { bytesRead } = await file.read(head, 0, HEAD_BYTES, 0);
    return head.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

const TROUBLES: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  ENOTDIR: 'a part of the path is no directory',
  EACCES: 'you may not read it',
  EPERM: 'you may not read it',
  ELOOP: 'its symbolic links go round in a circle',
  ENAMETOOLONG: 'the path is too long',
  EISDIR: 'it is a directory',
};

export function describeTrouble(error: unknown): string {
  const code = systemCodeOf(error) ?? 'unknown error';
  return TROUBLES[code] ?? code;
}
