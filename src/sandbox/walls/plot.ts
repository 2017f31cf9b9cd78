/** From where an attempt is to run to everything its walls must know of it. */

import { existsSync, lstatSync, realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path/posix';
import { systemReasonOf } from '#base';
import type { Isolation, ResourceRequest } from '#model';
import { type Accounts, closedDirectory, modeLetsIn } from '../account/accounts.ts';
import { sandboxErrors } from '../errors.ts';
import { machineFolders } from '../fence/machine-folders.ts';
import { type Hidden, isWithin } from '../fence/view.ts';
import { type Way, wayTo } from '../place/way.ts';
import type { Choice } from './choose.ts';
import type { Account, Ground, Plot } from './ground.ts';

/** One attempt, as its worker knows it. */
export interface Site {
  /** Unique among the attempts of this worker; letters, digits and `-`. */
  readonly name: string;
  /** Whose job it is, as its server says; `''`: not said. */
  readonly owner: string;
  /** From 1. */
  readonly slot: number;
  /** Numbers of CPUs that are its alone; none: it has a share of all. */
  readonly cpus: readonly number[];
  /** Device nodes that it may use besides the harmless ones; those that are not there do not matter. */
  readonly devices: readonly string[];
  readonly request: ResourceRequest;
  readonly isolation: Isolation;
  /** Absolute; exists, 0700. */
  readonly scratch: string;
  /** Where the program starts: `scratch`, or the user's own directory. */
  readonly directory: string;
  /** Directories that it is to have private ones of; those that the machine lacks do not matter. */
  readonly mountUnderScratch: readonly string[];
  /** Files of the worker's that it reads at these names below its scratch, where walls can mount. */
  readonly files: readonly { readonly source: string; readonly name: string }[];
}

export async function makePlot(
  site: Site,
  choice: Choice,
  found: { readonly accounts: Accounts; readonly payload: Account | null },
  ground: Ground,
): Promise<{ plot: Plot; hidden: readonly Hidden[] }> {
  const { name, slot, cpus, request, isolation } = site;
  const account = found.payload ?? (await accountOf(site, choice, found.accounts, ground));
  const hidden = [
    ...(choice.walls.has('files') ? hiddenFrom(account, ground) : []),
    ...machineFolders(choice.network === 'host'),
  ];
  const directory =
    site.directory === site.scratch ? site.scratch : realpathSync.native(site.directory);
  const isOwn = isWithin(directory, site.scratch);
  if (!isOwn && choice.walls.has('files')) refuseWorkerDirectory(directory, account, ground);
  const shared = existing(ground.settings.place.shared, ground);
  const writable = writableFor(isolation.write, ground);
  const plot = {
    name,
    slot,
    cpus,
    devices: site.devices.filter((path) => existsSync(path)),
    request,
    isolation,
    account,
    scratch: site.scratch,
    directory,
    privateDirectories: existing(site.mountUnderScratch, ground),
    shared,
    writable,
    identities: identitiesOf(
      [...(isOwn ? [] : [directory]), ...shared, ...writable],
      directory,
      account,
      ground,
    ),
    files: site.files,
  };
  return { plot, hidden };
}

async function accountOf(
  { slot }: Site,
  choice: Choice,
  accounts: Accounts,
  { uid, gid }: Ground,
): Promise<Account> {
  if (choice.walls.has('account')) return accounts.forSlot(slot);
  return { name: String(uid), uid, gid, groups: [] };
}

/**
 * The worker's own directory, and the others that no attempt sees. Where the account could not even
 * get to the worker's directory, the place where it would be stopped is hidden instead: its scratch
 * is then mounted below, at the path that it has outside.
 */
function hiddenFrom(account: Account, ground: Ground): Hidden[] {
  const { directory, settings } = ground;
  const closed = account.uid === ground.uid ? null : closedDirectory(directory, account);
  const paths = [closed ?? directory, ...settings.place.hidden];
  return paths.flatMap((path) => {
    const found = statSync(path, { throwIfNoEntry: false });
    return found ? [{ path: realpathSync.native(path), directory: found.isDirectory() }] : [];
  });
}

/**
 * What is at each of these places now, so that the last stage sees when something else was mounted. Who may
 * not enter a directory is not brought there: root could mount it for any account, and whoever submits jobs
 * would see what modes keep from him. Its own scratch, which lies where nobody else gets to, is not among them.
 */
function identitiesOf(
  paths: readonly string[],
  directory: string,
  account: Account,
  ground: Ground,
): Map<string, string> {
  const identities = new Map<string, string>();
  if (account.uid === ground.uid) return identities;
  for (const path of paths) {
    const way = heldWay(path);
    const closed = way.directories.find(({ found }) => !modeLetsIn(numbers(found), account));
    if (closed && path === directory) throw directoryClosed(path, account, closed.path);
    identities.set(path, way.identity);
  }
  return identities;
}

function heldWay(path: string): Way {
  try {
    return wayTo(path);
  } catch (error) {
    throw sandboxErrors.create(
      'WALLS_DIRECTORY_EXCHANGED',
      { directory: path, reason: systemReasonOf(error) },
      { cause: error },
    );
  }
}

function numbers({ uid, gid, mode }: Way['directories'][number]['found']) {
  return { uid: Number(uid), gid: Number(gid), mode: Number(mode) };
}

/**
 * Whoever submits jobs names where they start: there are the scratch directories of others, and the worker's
 * secrets. Throws WALLS_DIRECTORY_CLOSED.
 */
function refuseWorkerDirectory(path: string, account: Account, ground: Ground): void {
  const closed = realpathSync.native(ground.directory);
  if (isWithin(path, closed)) throw directoryClosed(path, account, closed);
}

/** Throws WALLS_DIRECTORY_CLOSED where `account` cannot get to `path`. */
export function refuseClosedDirectory(path: string, account: Account): void {
  const closed = closedDirectory(path, account);
  if (closed !== null) throw directoryClosed(path, account, closed);
}

function directoryClosed(directory: string, { name }: Account, closed: string) {
  return sandboxErrors.create('WALLS_DIRECTORY_CLOSED', { directory, account: name, closed });
}

/**
 * The listed directories in which those lie that the job asks for. Not these themselves: whoever may write
 * there could put a link to anywhere in their place, which root would follow. Throws WRITE_REFUSED.
 */
function writableFor(asked: readonly string[], ground: Ground): string[] {
  const listed = ground.settings.place.writable;
  return existing(
    asked.map((path) => {
      const within = path.split('/').includes('..') ? undefined : listedFor(path, listed);
      const refuse = (reason: string) => sandboxErrors.create('WRITE_REFUSED', { path, reason });
      if (within === undefined) {
        throw refuse(`jobs may write to ${listed.join(', ') || 'nothing shared'}`);
      }
      if (existing([within], ground).length === 0) throw refuse(`there is no directory ${within}`);
      return within;
    }),
    ground,
  );
}

function listedFor(path: string, listed: readonly string[]): string | undefined {
  return listed.find((one) => isWithin(path, one));
}

/**
 * Canonical: bubblewrap would follow a link such as /var/tmp → /tmp out of its own new root. Links count that
 * root made, or the worker: with another a job could say what is mounted for the next one.
 */
function existing(paths: readonly string[], { uid }: Ground): string[] {
  const real = paths.flatMap((path) => {
    try {
      if (!statSync(path).isDirectory()) return [];
      const canonical = realpathSync.native(path);
      return canonical === path || linksAreOf(path, [0, uid]) ? [canonical] : [];
    } catch {
      return [];
    }
  });
  return [...new Set(real)];
}

/** Whether every link on the way that is named is one of these accounts'. */
function linksAreOf(path: string, uids: readonly number[]): boolean {
  for (let at = path; at !== dirname(at); at = dirname(at)) {
    const found = lstatSync(at);
    if (found.isSymbolicLink() && !uids.includes(found.uid)) return false;
  }
  return true;
}
