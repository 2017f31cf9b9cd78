/**
 * What keeps a directory from being removed although it is ours: file systems mounted in it, and
 * names with the attributes `immutable` and `append-only`, which hold even root.
 */
import { readFileSync, realpathSync } from 'node:fs';
import { findTool, runTool } from '../tool.ts';

export interface MountPoint {
  readonly path: string;
  readonly type: string;
}

/** Every mount point in or below `directory`, the last mounted first. */
export function mountsWithin(directory: string, mountInfo: string): MountPoint[] {
  const mounts: MountPoint[] = [];
  for (const line of mountInfo.split('\n')) {
    // proc_pid_mountinfo(5): … mount point is the 5th field; the type follows a lonely `-`.
    const fields = line.split(' ');
    const type = fields[fields.indexOf('-', 6) + 1] ?? '';
    const path = decodePath(fields[4] ?? '');
    if (path === directory || path.startsWith(`${directory}/`)) mounts.push({ path, type });
  }
  return mounts.reverse();
}

/** The kernel writes blanks, tabs, newlines and backslashes as three octal digits. */
function decodePath(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}

/** Unmounts all in `directory` and takes away what makes names unremovable. Never rejects. */
export async function loosen(directory: string): Promise<void> {
  const umount = findTool('umount');
  for (const { path } of mountsWithin(canonical(directory), readMounts())) {
    // Detached even while somebody is in there: the directory is to go now.
    if (umount) await runTool([umount, '--lazy', '--no-mtab', path]);
  }
  const chattr = findTool('chattr');
  if (chattr) await runTool([chattr, '-R', '-f', '-i', '-a', directory], { timeoutMs: 300_000 });
}

function readMounts(): string {
  try {
    return readFileSync('/proc/self/mountinfo', 'utf8');
  } catch {
    return '';
  }
}

function canonical(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
