/** Where code of the user's is run from: in place when it is still what was submitted, else the copy. */
import { createHash, randomUUID } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
} from 'node:fs';
import { extname, join } from 'node:path';
import type { UserCode } from '#model';
import type { Blobs } from './intake/blobs.ts';
import type { Layout } from './layout.ts';

/** A module may use this much before it is taken for one that never stops allocating. */
export const USER_CODE_MEMORY_BYTES = 1024 ** 3;

/**
 * The code with a path on this machine. In place it can import its neighbours; the copy (another
 * machine submitted it, or it was changed since) must stand alone.
 */
export function placeUserCode(code: UserCode, blobs: Blobs, layout: Layout): UserCode {
  if (code.kind === 'expression' || isUnchanged(code, blobs)) return code;
  const copy = join(layout.work, `${code.sha256.slice(0, 32)}${extname(code.path)}`);
  mkdirSync(layout.work, { recursive: true, mode: 0o700 });
  if (!existsSync(copy)) placeCopy(blobs.path(code.sha256), copy);
  return { ...code, path: copy };
}

/** Whole or not there: a server that is killed meanwhile must not find half of it. */
function placeCopy(from: string, to: string): void {
  const draft = `${to}.${randomUUID()}`;
  copyFileSync(from, draft);
  chmodSync(draft, 0o700);
  renameSync(draft, to);
}

/** Only a file of the right length is read: the path is what somebody else wrote. */
function isUnchanged({ path, sha256 }: { path: string; sha256: string }, blobs: Blobs): boolean {
  try {
    const found = statSync(path);
    if (!found.isFile() || found.size !== blobs.size(sha256)) return false;
    return createHash('sha256').update(readFileSync(path)).digest('hex') === sha256;
  } catch {
    return false;
  }
}
