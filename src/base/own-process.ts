/** Which process this is, beyond its pid: for locks that outlive those who took them. */
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { systemCodeOf } from './errors.ts';
import type { HolderLife, LockHolder } from './lock-holder.ts';
import { lifeOfHolder } from './lock-holder.ts';

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}

/**
 * Start time in clock ticks since boot (field 22 of proc(5) stat): with the pid it names a process
 * for the life of the machine. Undefined when it is gone or a zombie.
 */
export function startTimeOf(pid: number): string | undefined {
  const stat = read(`/proc/${pid}/stat`);
  // The name (field 2) may hold spaces and brackets, so fields are counted after the last ')'.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields?.[0] === 'Z' || fields?.[0] === 'X' ? undefined : fields?.[19];
}

/** Tells lives of this machine apart; `''` where it does not say. */
export function bootId(): string {
  return read('/proc/sys/kernel/random/boot_id')?.trim() ?? '';
}

/** Which kernel run and which pid namespace a pid belongs to; pids of others mean nothing here. */
export function processRealm(): string {
  const boot = bootId();
  try {
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return boot;
  }
}

/** False once no process has the pid; one that is not ours to signal lives. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCodeOf(error) !== 'ESRCH';
  }
}

/** This process as the holder of a lock. */
export function ownHolder(
  owner: Pick<LockHolder, 'worker' | 'session' | 'server'> = {
    worker: '',
    session: '',
    server: '',
  },
): LockHolder {
  const startTime = startTimeOf(process.pid) ?? '';
  return { host: hostname(), pid: process.pid, realm: processRealm(), startTime, ...owner };
}

/** Whether the holder of a lock still lives, as far as it can be seen from this process. */
export function lifeSeenFromHere(holder: LockHolder): HolderLife {
  return lifeOfHolder(holder, { host: hostname(), realm: processRealm(), startTimeOf, isAlive });
}
