import { join } from 'node:path';

/** Longest name that leaves room for `.NAME.partial-<random>` within a file system's 255 bytes. */
const MAX_NAME_BYTES = 200;
const MAX_PATH_BYTES = 4000;

/** Why `name` cannot be a file's name, as a sentence fragment; null when it can. */
export function unsafeName(name: string): string | null {
  if (name === '') return 'it is empty';
  if (/[\u0000-\u001f\u007f]/.test(name)) return 'it has control characters';
  if (name.includes('/')) return 'it has a slash';
  if (name.startsWith('.')) return 'it begins with a dot';
  if (!name.isWellFormed()) return 'it is not valid Unicode';
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) return `it is longer than ${MAX_NAME_BYTES} bytes`;
  return null;
}

/**
 * `path` below `directory`, or null when it is no plain relative path: paths come from workers,
 * and a worker is never trusted to stay inside.
 */
export function pathInside(directory: string, path: string): string | null {
  if (path === '' || path.includes('\0') || Buffer.byteLength(path) > MAX_PATH_BYTES) return null;
  const components = path.split('/');
  const plain = components.every(
    (part) => part !== '' && part !== '.' && part !== '..' && Buffer.byteLength(part) <= 255,
  );
  return plain ? join(directory, ...components) : null;
}
