/**
 * Who an attempt runs as. A worker that is not root has no choice. One that is root takes the
 * slot's account (`slot1_user`, …) where the machine has it, else `nobody`, which walls keep apart
 * from all else of that name. Root itself is never an answer.
 */
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { findTool, runTool } from '../tool.ts';
import type { Account } from '../walls/ground.ts';

/** What the kernel calls "overflow": the account of nobody, on every Linux. */
const NOBODY: Account = { name: 'nobody', uid: 65534, gid: 65534, groups: [65534] };

/** `%` stands for the slot's number. */
export const SLOT_ACCOUNT = 'slot%_user';

/**
 * The account called `name`, as the machine's name services know it; null where there is none, or
 * where it is root or in root's group by birth.
 */
export async function findAccount(name: string): Promise<Account | null> {
  const [getent, id] = [findTool('getent'), findTool('id')];
  if (!getent || !id || !/^[\w.][\w.@-]*\$?$/.test(name)) return null;
  const entry = await runTool([getent, 'passwd', name]);
  const fields = entry.stdout.split('\n')[0]!.split(':');
  const [uid, gid] = [Number(fields[2]), Number(fields[3])];
  if (entry.exitCode !== 0 || !isIdentity(uid) || !isIdentity(gid)) return null;
  const groups = (await runTool([id, '-G', name])).stdout.trim().split(/\s+/).map(Number);
  return { name, uid, gid, groups: [...new Set([gid, ...groups.filter(isIdentity)])] };
}

/** 0 is root, and -1 means "unchanged" to the kernel. */
function isIdentity(id: number): boolean {
  return Number.isSafeInteger(id) && id > 0 && id < 0xffffffff;
}

export interface Accounts {
  /** For a job in slot `slot` (from 1). */
  forSlot(slot: number): Promise<Account>;
}

/** `choice`: `auto` (see above), `nobody`, or a name in which `%` stands for the slot's number. */
export function openAccounts(choice: string): Accounts {
  const known = new Map<string, Promise<Account | null>>();
  const find = (name: string) => {
    const found = known.get(name) ?? findAccount(name);
    known.set(name, found);
    return found;
  };
  return {
    forSlot: async (slot) => {
      if (choice === 'nobody') return (await find('nobody')) ?? NOBODY;
      const pattern = choice === 'auto' ? SLOT_ACCOUNT : choice;
      const own = await find(pattern.replaceAll('%', String(slot)));
      if (own) return { ...own, ofSlot: pattern.includes('%') };
      return (await find('nobody')) ?? NOBODY;
    },
  };
}

/**
 * The first directory on the way to `path` that `account` may not enter, or null. Looks at modes
 * only: where an access list would let it in, it is taken not to be.
 */
export function closedDirectory(path: string, account: Account): string | null {
  const way = [path];
  while (way[0] !== '/') way.unshift(dirname(way[0]!));
  return way.find((directory) => !maySearch(directory, account)) ?? null;
}

function maySearch(directory: string, account: Account): boolean {
  const found = statSync(directory, { throwIfNoEntry: false });
  return found !== undefined && modeLetsIn(found, account);
}

/** Whether `account` may enter a directory of this owner, group and mode. */
export function modeLetsIn(
  found: { readonly uid: number; readonly gid: number; readonly mode: number },
  { uid, gid, groups }: Account,
): boolean {
  if (found.uid === uid) return (found.mode & 0o100) !== 0;
  if (found.gid === gid || groups.includes(found.gid)) return (found.mode & 0o010) !== 0;
  return (found.mode & 0o001) !== 0;
}
