/** From where an attempt is to run to everything its walls must know of it. */
import { existsSync, realpathSync, statSync } from 'node:fs';
import type { Isolation, ResourceRequest } from '#model';
import { type Accounts, closedDirectory } from '../account/accounts.ts';
import { sandboxErrors } from '../errors.ts';
import { machineFolders } from '../fence/machine-folders.ts';
import { type Hidden, isWithin } from '../fence/view.ts';
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
  const account = found.payload ?? (await accountOf(site, choice, found.accounts, ground));
  const hidden = [
    ...(choice.walls.has('files') ? hiddenFrom(account, ground) : []),
    ...machineFolders(choice.network === 'host'),
  ];
  const directory = canonicalDirectory(site.directory, account, ground);
  const { name, slot, cpus, request, isolation } = site;
  const plot = {
    name,
    slot,
    cpus,
    devices: site.devices.filter((path) => existsSync(path)),
    request,
    isolation,
    account,
    scratch: site.scratch,
    directory: site.directory === site.scratch ? site.scratch : directory,
    privateDirectories: existing(site.mountUnderScratch),
    shared: existing(ground.settings.place.shared),
    writable: writableFor(isolation.write, ground.settings.place.writable),
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
 * Where the program starts. Who may not enter a directory is not brought there: root could mount it
 * for any account, and whoever submits jobs would see what modes keep from him.
 */
function canonicalDirectory(path: string, account: Account, ground: Ground): string {
  const real = realpathSync.native(path);
  if (account.uid !== ground.uid && !isWithin(real, ground.directory)) {
    refuseClosedDirectory(real, account);
  }
  return real;
}

/** Throws WALLS_DIRECTORY_CLOSED where `account` cannot get to `path`. */
export function refuseClosedDirectory(path: string, account: Account): void {
  const closed = closedDirectory(path, account);
  if (closed === null) return;
  const facts = { directory: path, account: account.name, closed };
  throw sandboxErrors.create('WALLS_DIRECTORY_CLOSED', facts);
}

/**
 * The listed directories in which those lie that the job asks for. Not these themselves: whoever may write
 * there could put a link to anywhere in their place, which root would follow. Throws WRITE_REFUSED.
 */
function writableFor(asked: readonly string[], listed: readonly string[]): string[] {
  return existing(
    asked.map((path) => {
      const within = path.split('/').includes('..') ? undefined : listedFor(path, listed);
      const refuse = (reason: string) => sandboxErrors.create('WRITE_REFUSED', { path, reason });
      if (within === undefined) {
        throw refuse(`jobs may write to ${listed.join(', ') || 'nothing shared'}`);
      }
      if (existing([within]).length === 0) throw refuse(`there is no directory ${within}`);
      return within;
    }),
  );
}

function listedFor(path: string, listed: readonly string[]): string | undefined {
  return listed.find((one) => isWithin(path, one));
}

/** Canonical: bubblewrap would follow a link such as /var/tmp → /tmp out of its own new root. */
function existing(paths: readonly string[]): string[] {
  const real = paths.flatMap((path) => {
    try {
      return statSync(path).isDirectory() ? [realpathSync.native(path)] : [];
    } catch {
      return [];
    }
  });
  return [...new Set(real)];
}
