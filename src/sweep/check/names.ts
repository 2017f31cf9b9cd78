/**
 * Names of files inside an attempt's directory. Why a name is refused, or undefined for a good one:
 * it must be a relative path that stays where it is put, and the same path on every machine.
 */
export function pathFault(name: string): string | undefined {
  if (name === '') return 'a name that is not empty';
  if (/[\0-\x1f\x7f]/.test(name)) return 'a name without control characters';
  if (name.includes('\\')) return 'a path with "/", without "\\"';
  if (name.startsWith('/')) return 'a relative path';
  const segments = name.split('/');
  if (segments.includes('..')) return 'a path without ".."';
  if (segments.every((segment) => segment === '' || segment === '.')) return 'the name of a file';
  if (name.endsWith('/')) return 'a file, without "/" at the end';
  if (segments.some((segment) => Buffer.byteLength(segment) > 255))
    return 'names of at most 255 bytes';
  return Buffer.byteLength(name) > 4000 ? 'a path of at most 4000 bytes' : undefined;
}

/** Why a result may not be called so: its name becomes a file name and a line of the protocol. */
export function resultNameFault(name: string): string | undefined {
  if (name.includes('/')) return 'a name without "/"';
  if (name.trim() !== name) return 'a name without spaces at its ends';
  return pathFault(name);
}

/** The path that a name means: without `.` and empty segments. */
export function normalizePath(name: string): string {
  return name
    .split('/')
    .filter((segment) => segment !== '' && segment !== '.')
    .join('/');
}
