/** Where code of the user's is run from: in place when it is still what was submitted, else the copy. */
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { UserCode } from '#model';
import type { Blobs } from './intake/blobs.ts';
import type { Layout } from './layout.ts';

/**
 * The code with a path on this machine. In place it can import its neighbours; the copy (another
 * machine submitted it, or it was changed since) must stand alone.
 */
export function placeUserCode(code: UserCode, blobs: Blobs, layout: Layout): UserCode {
  if (code.kind === 'expression' || isUnchanged(code.path, code.sha256)) return code;
  const copy = join(layout.work, `${code.sha256.slice(0, 32)}${extname(code.path)}`);
  mkdirSync(layout.work, { recursive: true, mode: 0o700 });
  if (!existsSync(copy)) copyFileSync(blobs.path(code.sha256), copy);
  chmodSync(copy, 0o700);
  return { ...code, path: copy };
}

function isUnchanged(path: string, sha256: string): boolean {
  try {
    return createHash('sha256').update(readFileSync(path)).digest('hex') === sha256;
  } catch {
    return false;
  }
}
