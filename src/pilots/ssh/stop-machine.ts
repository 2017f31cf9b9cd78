/**
 * Ending the worker on a machine, whether its server lives or not: by the lock that it holds in its
 * directory. A process is signalled only while its start time is still the one in the lock, so a
 * pid that was given to another process since is never touched.
 */
import { type Clock, type LockHolder, lifeOfHolder, parseHolder, pause } from '#base';
import { pilotErrors } from '../errors.ts';
import type { Machine } from '../node-file.ts';
import { type MachineShell, textOf } from './machine-shell.ts';

export interface StopPlan {
  /** `drain`: what runs is finished first, however long it takes. */
  readonly mode: 'drain' | 'now';
  /** Only workers of this session; of any, where it is left out. */
  readonly sessionTag?: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** The workers on this machine have been asked to end, and are waited for. */
  readonly onAsked?: (machine: Machine, pids: readonly number[]) => void;
}

export interface Stopped {
  /** `none`: no worker ran there, or none of the session. */
  readonly state: 'stopped' | 'none';
  readonly pids: readonly number[];
  readonly directory: string;
}

const FIRST_LOOK_MS = 20;
const LONGEST_LOOK_MS = 500;
/** A worker that is to stop at once kills its programs and says farewell in this time. */
const NOW_MS = 15_000;
/** After SIGKILL. */
const KILLED_MS = 10_000;

/** Rejects with PILOT_…, or ShellEnded. */
export async function stopOn(
  machine: Machine,
  shell: MachineShell,
  plan: StopPlan,
): Promise<Stopped> {
  const visit = await shell.call('visit', [machine.directory]);
  const directory = textOf(visit, 'directory') ?? machine.directory;
  if (textOf(visit, 'inside') === undefined) return { state: 'none', pids: [], directory };
  const all = await workersOn(shell);
  const isMeant = ({ session }: LockHolder) => session === (plan.sessionTag ?? session);
  const workers = all.filter(isMeant);
  const pids = workers.map(({ pid }) => pid);
  if (workers.length === 0) return { state: 'none', pids, directory };
  const name = plan.mode === 'now' ? 'HUP' : 'TERM';
  for (const worker of workers) await signal(shell, name, worker);
  plan.onAsked?.(machine, pids);
  for (const worker of workers) await untilGone(machine, shell, worker, plan);
  return { state: 'stopped', pids, directory };
}

/** Those of this machine; on a shared file system the locks of others lie beside theirs. */
async function workersOn(shell: MachineShell): Promise<LockHolder[]> {
  const facts = await shell.call('facts');
  const here = { host: textOf(facts, 'host') ?? '', realm: textOf(facts, 'realm') ?? '' };
  const locks = await shell.call('locks');
  const workers: LockHolder[] = [];
  for (const { word, text } of locks) {
    const holder = parseHolder(text);
    if (word !== 'lock' || holder.pid <= 0) continue;
    const lives = await isAlive(shell, holder);
    const view = { ...here, startTimeOf: () => (lives ? holder.startTime : undefined) };
    if (lifeOfHolder(holder, { ...view, isAlive: () => lives }) === 'alive') workers.push(holder);
  }
  return workers;
}

async function isAlive(shell: MachineShell, { pid, startTime }: LockHolder): Promise<boolean> {
  return textOf(await shell.call('lives', [String(pid), startTime]), 'yes') !== undefined;
}

async function signal(shell: MachineShell, name: string, holder: LockHolder): Promise<void> {
  await shell.call('signal', [name, String(holder.pid), holder.startTime]);
}

async function untilGone(
  machine: Machine,
  shell: MachineShell,
  worker: LockHolder,
  { mode, clock, signal: end }: StopPlan,
): Promise<void> {
  const sinceMs = clock.monotonic();
  let isKilled = false;
  for (let waitMs = FIRST_LOOK_MS; !end.aborted; waitMs = Math.min(waitMs * 1.5, LONGEST_LOOK_MS)) {
    if (!(await isAlive(shell, worker))) return;
    const waitedMs = clock.monotonic() - sinceMs;
    if (mode === 'now' && waitedMs > NOW_MS && !isKilled) {
      await signal(shell, 'KILL', worker);
      isKilled = true;
    } else if (mode === 'now' && waitedMs > NOW_MS + KILLED_MS) {
      const facts = { machine: machine.name, pid: worker.pid };
      const reason = 'it was killed and is still there';
      throw pilotErrors.create('PILOT_STOP_FAILED', { ...facts, reason });
    }
    await pause(waitMs, end);
  }
  throw pilotErrors.create('PILOT_INTERRUPTED', { machine: machine.name });
}
