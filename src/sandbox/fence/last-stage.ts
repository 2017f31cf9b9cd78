/** Arguments of the launcher's last stage (launcher/inside.h). Pure. */
import type { Account } from '../walls/ground.ts';
import type { Limit } from '../walls/part.ts';

export interface Place {
  /** Absolute, as it is seen behind the walls. */
  readonly path: string;
  /** `MAJOR:MINOR:INODE`. */
  readonly identity: string;
  /** The program starts there. */
  readonly starts: boolean;
}

export interface LastStageRequest {
  /** Absolute path of the launcher, as it is seen behind the walls. */
  readonly launcher: string;
  /** It is the first process of a PID namespace. */
  readonly init: boolean;
  /** Null: the account stays as it is. */
  readonly account: Account | null;
  /** A further group, by which its processes are known; null: none. */
  readonly mark: number | null;
  readonly limits: readonly Limit[];
  /** Directories that were to be mounted, and what they are to be. */
  readonly places?: readonly Place[];
  readonly keys: boolean;
  readonly noPrivileges: boolean;
  /** A system-call filter is open as its descriptor 4. */
  readonly filter: boolean;
}

/** `[]` when there is nothing for it to do. */
export function lastStageArguments(request: LastStageRequest): string[] {
  const { launcher, init, account, mark, limits, keys, noPrivileges, filter } = request;
  const { places = [] } = request;
  const options = [
    ...(init ? ['--init'] : []),
    ...limits.flatMap(({ resource, soft, hard }) => [
      '--limit',
      `${resource}=${bound(soft)}:${bound(hard)}`,
    ]),
    ...places.flatMap(({ path, identity, starts }) => [
      starts ? '--directory' : '--place',
      `${identity}:${path}`,
    ]),
    ...(keys ? ['--keys'] : []),
    ...(account ? ['--user', userOf(account, mark)] : []),
    ...(mark !== null && !account ? ['--mark', String(mark)] : []),
    ...(noPrivileges ? ['--no-privileges'] : []),
    ...(filter ? ['--filter'] : []),
  ];
  return options.length === 0 ? [] : [launcher, 'inside', ...options, '--'];
}

/** Group 0 is never handed on: its members may read what root keeps to itself. */
function userOf({ uid, gid, groups }: Account, mark: number | null): string {
  const known = groups.filter((group) => group !== gid && group !== 0);
  const further = mark === null ? known : [...known, mark];
  return `${uid}:${[gid, ...further].join(',')}`;
}

function bound(value: number): string {
  return Number.isFinite(value) ? String(value) : 'unlimited';
}
