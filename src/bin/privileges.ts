/** Giving up root: what a collector reads comes from anybody. */
import { lchownSync } from 'node:fs';
import { messageOf } from '#base';
import { findTool, runTool } from '#sandbox';
import { binErrors } from './errors.ts';

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Not in the types of Node.js, but there since its first days. */
type ProcessOfUnix = typeof process & { initgroups(user: string, group: number): void };

/**
 * The account to turn to; null when there is nothing to give up, or root was asked for.
 * @throws WindrowError ROOT_KEPT when there is no such account
 */
export async function accountToBe(user: string): Promise<Account | null> {
  if (process.getuid?.() !== 0 || user === 'root') return null;
  const [uid, gid] = [await idOf(user, '-u'), await idOf(user, '-g')];
  if (uid === null || gid === null || uid === 0) throw binErrors.create('ROOT_KEPT', { user });
  return { name: user, uid, gid };
}

/**
 * Becomes the account, with its groups and nothing else, for good.
 * @param files of root's that the account goes on writing to
 * @throws WindrowError ROOT_KEPT
 */
export function become({ name, uid, gid }: Account, files: readonly string[]): void {
  try {
    for (const file of files) lchownSync(file, uid, gid);
    (process as ProcessOfUnix).initgroups(name, gid);
    process.setgid!(gid);
    process.setuid!(uid);
  } catch (error) {
    throw binErrors.create(
      'ROOT_KEPT',
      { user: `${name} (${messageOf(error)})` },
      { cause: error },
    );
  }
  if (process.getuid!() !== uid || process.geteuid!() !== uid || canReturn()) {
    throw binErrors.create('ROOT_KEPT', { user: name });
  }
}

function canReturn(): boolean {
  try {
    process.setuid!(0);
    return true;
  } catch {
    return false;
  }
}

/** Asks the system, whose accounts may come from a directory service. */
async function idOf(user: string, what: '-u' | '-g'): Promise<number | null> {
  const tool = findTool('id');
  const { stdout } = tool === null ? { stdout: '' } : await runTool([tool, what, '--', user]);
  return /^\d+$/.test(stdout.trim()) ? Number(stdout) : null;
}
