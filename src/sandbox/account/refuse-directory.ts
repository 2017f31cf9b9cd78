/** Said before a job begins what each of its attempts would only be refused for. */
import { realpathSync } from 'node:fs';
import { type Isolation, type Level, NETWORKS, type ResourceRequest, WALLS } from '#model';
import { findLauncher } from '../open-starter.ts';
import { findTool } from '../tool.ts';
import { chooseWalls } from '../walls/choose.ts';
import type { Account } from '../walls/ground.ts';
import { refuseClosedDirectory } from '../walls/plot.ts';
import { findAccount, openAccounts } from './accounts.ts';
import { accountNameFor } from './payload.ts';

export interface IntendedRun {
  /** Absolute; where its programs are to start. */
  readonly directory: string;
  readonly owner: string;
  readonly isolation: Isolation;
  readonly request: ResourceRequest;
}

/** As the settings of a worker that runs as this process does. */
export interface IntendedWorker {
  readonly level: Level;
  readonly jobUser: string;
  readonly payload: Readonly<Record<string, string>>;
}

/** Throws WALLS_DIRECTORY_CLOSED where another account runs the job, and cannot get to its directory. */
export async function refuseDirectory(run: IntendedRun, worker: IntendedWorker): Promise<void> {
  if (process.geteuid?.() !== 0) return;
  const account = await accountFor(run, worker);
  const real = realDirectory(run.directory);
  if (account !== null && real !== null) refuseClosedDirectory(real, account);
}

/** Null: root itself. */
async function accountFor(
  { owner, isolation, request }: IntendedRun,
  { level, jobUser, payload }: IntendedWorker,
): Promise<Account | null> {
  const named = accountNameFor(owner, payload);
  if (named !== null) return findAccount(named);
  const isAble = findLauncher() !== null && findTool('bwrap') !== null;
  if (!isAble) return null;
  const able = { able: new Set(WALLS), networks: NETWORKS, isRoot: true, hasTracker: true };
  const { walls } = chooseWalls(isolation, request, { ...able, level });
  return walls.has('account') ? openAccounts(jobUser).forSlot(1) : null;
}

/** Null: it is not there, which somebody else has better words for. */
function realDirectory(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
}
