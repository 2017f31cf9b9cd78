/** The directory of one worker: locked while it lives, cleared of what a dead one left behind. */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  hostFolder,
  type LockHolder,
  type LockOwner,
  makeDirectories,
  messageOf,
  pause,
  removeTree,
  startTimeOf,
  systemReasonOf,
  takeLock,
  WindrowError,
} from '#base';
import { workerErrors } from './errors.ts';
import { MOVED_NAME, tellMove } from './moved.ts';
import type { AgentLog } from './port.ts';
import { environmentValueOf, processIds } from './process-table.ts';

const LOCK_NAME = 'worker.lock';
/** Workers of one machine that may share a directory. */
const MOST_PER_HOST = 64;
/** Names that only a worker gives (`attempt/attempt.ts`); anything else is somebody else's. */
const SCRATCH_NAME = /^(?:[0-9a-f]{8}-\d{1,16}|spare-\d{1,16})$/;
const SPOOL_NAME = /^(?:[0-9a-f]{8}-\d{1,16}\.[a-z0-9-]+|end-\d{1,16}\.json)$/;
const HANDED_NAME = /^handed-(\d{1,10})$/;

export interface WorkerDirectory {
  /** `<dir>/<host>` or `<dir>/<host>-<n>`: this worker's own, with `scratch` and `spool` inside. */
  readonly own: string;
  /** `<dir>/data`: the store of files, shared by all workers of `dir`. */
  readonly data: string;
  /** `<dir>/brought`: which session has brought which of them. */
  readonly marks: string;
  /** Id of the dead worker whose lock was in the way, or null. */
  readonly replaces: string | null;
  release(): void;
}

export interface DirectoryRequest {
  readonly dir: string;
  readonly owner: LockOwner;
  readonly host: string;
  /** Refuse rather than be the second worker of this machine in `dir`. */
  readonly exclusive: boolean;
}

/** The lock of the worker that a folder of the directory belongs to. */
export function lockNameIn(own: string): string {
  return join(own, LOCK_NAME);
}

/** Where a worker of `host` leaves the session for the executable that it becomes. */
export function handedPathOf(dir: string, host: string, pid: number): string {
  return join(dir, hostFolder(host), `handed-${pid}`);
}

/** Where the lock of the first worker of `host` in `dir` lies. */
export function lockPathOf(dir: string, host: string): string {
  return lockNameIn(join(dir, hostFolder(host)));
}

/**
 * Takes a part of `dir` over for a worker. Machines that share the file system share `dir`, and
 * each has its folder. Throws `WORKER_DIRECTORY_BUSY` or `WORKER_DIRECTORY_UNUSABLE`.
 */
export function takeDirectory(request: DirectoryRequest): WorkerDirectory {
  const { dir, host, exclusive } = request;
  const base = join(dir, hostFolder(host));
  const shared = { data: join(dir, 'data'), marks: join(dir, 'brought') };
  try {
    for (const path of Object.values(shared)) makeDirectories(path, 0o700);
    for (let count = 1; ; count++) {
      const own = count === 1 ? base : `${base}-${count}`;
      const taken = tryDirectory(own, request.owner);
      if ('own' in taken) return { ...taken, ...shared };
      if (exclusive || count === MOST_PER_HOST) throw busy(own, taken, request.owner);
    }
  } catch (error) {
    if (error instanceof WindrowError) throw error;
    const facts = { directory: dir, reason: systemReasonOf(error) };
    throw workerErrors.create('WORKER_DIRECTORY_UNUSABLE', facts, { cause: error });
  }
}

function tryDirectory(
  own: string,
  owner: LockOwner,
): Omit<WorkerDirectory, 'data' | 'marks'> | LockHolder {
  for (const name of ['scratch', 'spool']) {
    makeDirectories(join(own, name), 0o700);
  }
  const lock = takeLock(join(own, LOCK_NAME), owner);
  if (!lock.taken) return lock.holder;
  return { own, replaces: lock.replaced?.worker || null, release: lock.release };
}

/** One of the same session that looks for its server elsewhere is told where it is. */
function busy(own: string, holder: LockHolder, owner: LockOwner): WindrowError {
  const { pid, host, worker, session, server } = holder;
  const isMoved = session !== '' && session === owner.session && owner.server !== server;
  const isTold = isMoved && owner.server !== '' && tellMove(own, holder, owner.server);
  const lock = join(own, LOCK_NAME);
  const facts = { directory: own, pid, host, lock, worker, session, server, isTold };
  return workerErrors.create('WORKER_DIRECTORY_BUSY', facts);
}

/**
 * Ends programs and removes files that a dead worker left. To be called under the lock: then every
 * attempt that the directory knows of is a dead one's.
 */
export async function clearLeftovers(
  own: string,
  log: AgentLog,
  remove: (path: string) => Promise<void> = removeTree,
): Promise<void> {
  const scratchRoot = join(own, 'scratch');
  const killed = await killProgramsOf(scratchRoot);
  if (killed > 0) log.warn({ killed }, 'ended programs that a dead worker left running');
  for (const name of namesIn(scratchRoot)) {
    if (SCRATCH_NAME.test(name)) await removeLogged(join(scratchRoot, name), log, remove);
  }
  for (const name of namesIn(join(own, 'spool'))) {
    if (SPOOL_NAME.test(name)) rmSync(join(own, 'spool', name), { force: true });
  }
  for (const name of namesIn(own)) {
    // A session for an executable that did not come up, or an address for a worker that is gone.
    const pid = (HANDED_NAME.exec(name) ?? MOVED_NAME.exec(name))?.[1];
    if (pid && startTimeOf(Number(pid)) === undefined) rmSync(join(own, name), { force: true });
  }
}

async function removeLogged(
  path: string,
  log: AgentLog,
  remove: (path: string) => Promise<void>,
): Promise<void> {
  try {
    await remove(path);
  } catch (error) {
    log.warn({ path, reason: messageOf(error) }, 'could not remove a dead attempt’s directory');
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

const MOST_ROUNDS = 20;

/**
 * Kills every process whose WINDROW_SCRATCH lies below `scratchRoot`, stopping them first so that
 * none forks away between two looks. Resolves with how many there were.
 */
async function killProgramsOf(scratchRoot: string): Promise<number> {
  const seen = new Set<number>();
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const pids = processIds().filter((pid) => {
      const scratch = pid === process.pid ? undefined : environmentValueOf(pid, 'WINDROW_SCRATCH');
      return scratch?.startsWith(`${scratchRoot}/`);
    });
    if (pids.length === 0) break;
    for (const pid of pids) signal(pid, 'SIGSTOP');
    for (const pid of pids) signal(pid, 'SIGKILL');
    for (const pid of pids) seen.add(pid);
    await pause(10, NEVER);
  }
  return seen.size;
}

const NEVER = new AbortController().signal;

function signal(pid: number, name: 'SIGSTOP' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended, or it is another user's.
  }
}

/** Versions before the datastore kept programs and inputs there. */
export async function removeOldBlobs(dir: string): Promise<void> {
  const path = join(dir, 'blobs');
  if (existsSync(path)) await removeTree(path);
}
