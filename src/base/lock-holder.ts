/** Who holds a `.lock` file, and whether that is over; judged without asking any clock. */

/** What a lock file holds, as JSON. */
export interface LockHolder {
  readonly host: string;
  readonly pid: number;
  /** Kernel run and pid namespace; pids compare only within one. `''` where there is no /proc. */
  readonly realm: string;
  /** Clock ticks since boot; with the pid it names a process for the life of the machine. */
  readonly startTime: string;
  /** The worker's id at the server; `''` for locks that no worker holds for its life. */
  readonly worker: string;
  /** Tells sessions apart and says nothing of their secret; `''` if none. */
  readonly session: string;
  /** The URL at which it looks for its server; `''` if it was not told one. */
  readonly server: string;
}

/** `unknown`: another machine or container, which cannot be seen from here. */
export type HolderLife = 'alive' | 'gone' | 'unknown';

/** Stands for the holder of a lock that cannot be read: perhaps one that is being written. */
export const NOBODY: LockHolder = {
  host: 'an unknown host',
  pid: 0,
  realm: '',
  startTime: '',
  worker: '',
  session: '',
  server: '',
};

export function parseHolder(text: string): LockHolder {
  try {
    const found = JSON.parse(text) as Partial<LockHolder> | null;
    if (typeof found?.host !== 'string' || !Number.isSafeInteger(found.pid)) return NOBODY;
    return {
      host: found.host,
      pid: found.pid!,
      realm: String(found.realm),
      startTime: String(found.startTime),
      worker: String(found.worker ?? ''),
      session: String(found.session ?? ''),
      server: String(found.server ?? ''),
    };
  } catch {
    return NOBODY;
  }
}

/** The place from which a holder is judged, and its view of processes. */
export interface HolderView {
  readonly host: string;
  readonly realm: string;
  /** Undefined when no such process lives. */
  startTimeOf(pid: number): string | undefined;
  /** For where there is no /proc. */
  isAlive(pid: number): boolean;
}

export function lifeOfHolder(holder: LockHolder, here: HolderView): HolderLife {
  // Where there is no /proc only the host's name says whose pid it is.
  if (here.realm === '' && holder.realm === '') {
    if (holder.host !== here.host) return 'unknown';
    return here.isAlive(holder.pid) ? 'alive' : 'gone';
  }
  if (holder.realm === here.realm) {
    return here.startTimeOf(holder.pid) === holder.startTime ? 'alive' : 'gone';
  }
  // Same host name but another boot id: the machine was started again since. The same boot id with
  // another namespace is a container next door, which may well live.
  const [boot] = holder.realm.split(' ');
  const [ownBoot] = here.realm.split(' ');
  return holder.host === here.host && boot !== '' && boot !== ownBoot ? 'gone' : 'unknown';
}
