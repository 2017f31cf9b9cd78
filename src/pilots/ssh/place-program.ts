/**
 * Putting the executable into place on a machine: once for each file system, under a lock, verified
 * before it has its name. Two starts at once, here or on different machines, copy once.
 */
import {
  type Clock,
  executableName,
  formatBytes,
  type HolderView,
  lifeOfHolder,
  parseHolder,
  pause,
  type WindrowError,
} from '#base';
import { pilotErrors } from '../errors.ts';
import type { Executable } from '../executables.ts';
import { type AnswerLine, type MachineShell, textOf } from './machine-shell.ts';
import type { SharedPlaces } from './shared-places.ts';

/** Somewhere on a machine, as far as it is known there. */
export interface Site {
  readonly machine: string;
  readonly directory: string;
  readonly host: string;
  readonly realm: string;
  /** What it can unpack. */
  readonly unpacks: readonly string[];
  /** Free bytes, or null where it is not known. */
  readonly roomBytes: number | null;
}

/** How the executable came to be there. */
export type Placed =
  /** It was there before, or another start had just brought it. */
  | 'present'
  | 'copied'
  /** Another machine of this start brought it: they share the file system. */
  | 'shared';

export interface Placing {
  readonly shell: MachineShell;
  readonly site: Site;
  readonly places: SharedPlaces;
  /** Stands beside the file: who may take it away again; `''`: nobody. */
  readonly sessionTag: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** A copy beside the new one may be on its way; logs and scratch need some too. */
const SPARE_BYTES = 1024 * 1024;
/** A file that another machine made may take this long to be seen over NFS. */
const LATE_LOOKS = 20;
const LOOK_MS = 250;
/** A lock of another machine whose holder shows no progress for this long is passed over. */
const STALLED_MS = 60_000;

/** Resolves when the executable lies at `bin/NAME`. Rejects with PILOT_…, or ShellEnded. */
export async function placeProgram(program: Executable, placing: Placing): Promise<Placed> {
  if (await isThere(program, placing)) return 'present';
  const { shell, places } = placing;
  await shell.call('mark');
  const { place, earlier } = places.enter(shell.nonce, executableName(program));
  let ok = false;
  try {
    const seen = await shell.call('see', [String(earlier.length), ...earlier]);
    const marks = seen.filter(({ word }) => word === 'sees').map(({ text }) => text);
    const placed = await bring(program, placing, marks);
    ok = true;
    return placed;
  } finally {
    place.settle(ok);
  }
}

async function bring(
  program: Executable,
  placing: Placing,
  marks: readonly string[],
): Promise<Placed> {
  if (marks.length > 0 && (await placing.places.settled(marks))) {
    for (let looks = 0; looks < LATE_LOOKS; looks++) {
      if (await isThere(program, placing)) return 'shared';
      await pause(LOOK_MS, placing.signal);
    }
  }
  checkRoom(program, placing.site);
  return await copyUnderLock(program, placing);
}

/** With `verify` its content is compared too. */
export async function isThere(
  program: Executable,
  { shell }: Pick<Placing, 'shell'>,
  verify = false,
): Promise<boolean> {
  const name = `bin/${executableName(program)}`;
  const words = [name, String(program.bytes), verify ? program.sha256 : ''];
  return has(await shell.call('look', words, { silenceMs: 300_000 }), 'there');
}

async function copyUnderLock(program: Executable, placing: Placing): Promise<Placed> {
  const { shell, site, clock, signal } = placing;
  const lock = `bin/${executableName(program)}.lock`;
  let seen = { state: '', sinceMs: clock.monotonic() };
  for (;;) {
    const answer = await shell.call('take', [lock]);
    throwFault(answer, site);
    if (has(answer, 'taken')) return await copyLocked(program, placing);
    const held = textOf(answer, 'held') ?? '';
    const state = answer.map(({ text }) => text).join(' ');
    if (state !== seen.state) seen = { state, sinceMs: clock.monotonic() };
    const isStalled = clock.monotonic() - seen.sinceMs > STALLED_MS;
    if (isStalled || (await isGone(held, placing))) {
      await breakLock(lock, held, isStalled, placing);
    } else await pause(LOOK_MS, signal);
    if (await isThere(program, placing)) return 'present';
  }
}

/** Who was killed while it broke the lock has left a lock on that, which goes likewise. */
async function breakLock(
  lock: string,
  held: string,
  isStalled: boolean,
  placing: Placing,
): Promise<void> {
  const breaker = textOf(await placing.shell.call('break', [lock, held]), 'held');
  if (breaker === undefined) return;
  if (isStalled || (await isGone(breaker, placing))) {
    await breakLock(`${lock}.breaking`, breaker, isStalled, placing);
  } else await pause(LOOK_MS, placing.signal);
}

async function copyLocked(program: Executable, placing: Placing): Promise<Placed> {
  const { shell, site, sessionTag } = placing;
  try {
    if (await isThere(program, placing)) return 'present';
    const { bytes, sha256 } = program;
    const parcel = await program.parcel(site.unpacks);
    const name = `bin/${executableName(program)}`;
    const sizes = [String(parcel.bytes), String(bytes)];
    const words = [name, parcel.encoding, ...sizes, sha256, sessionTag];
    const answer = await shell.call('receive', words, { body: () => parcel.pieces() });
    throwFault(answer, site);
    return 'copied';
  } finally {
    await shell.call('free').catch(() => {}); // with the connection the lock goes by itself
  }
}

/** Whether the very process that holds the lock is known to be over. */
async function isGone(held: string, { shell, site }: Placing): Promise<boolean> {
  const holder = parseHolder(held);
  const answer = await shell.call('life', [String(holder.pid)]);
  const began = textOf(answer, 'began') || undefined;
  const here: HolderView = {
    host: site.host,
    realm: site.realm,
    startTimeOf: () => began,
    isAlive: () => true,
  };
  return holder.pid > 0 && lifeOfHolder(holder, here) === 'gone';
}

function checkRoom({ bytes }: Executable, { roomBytes, ...site }: Site): void {
  if (roomBytes === null || roomBytes >= bytes + SPARE_BYTES) return;
  const reason = `${formatBytes(roomBytes)} free, ${formatBytes(bytes + SPARE_BYTES)} needed`;
  throw pilotErrors.create('PILOT_DISK_FULL', { ...factsOf(site), reason });
}

const FAULTS = {
  missing: 'PILOT_DIRECTORY_MISSING',
  unwritable: 'PILOT_DIRECTORY_UNWRITABLE',
  full: 'PILOT_DISK_FULL',
  noexec: 'PILOT_DIRECTORY_NOEXEC',
  damaged: 'PILOT_COPY_DAMAGED',
} as const;

/** Throws what the machine says is wrong with the place, as `fault WORD REASON`. */
export function throwFault(
  answer: readonly AnswerLine[],
  site: Pick<Site, 'machine' | 'directory'>,
): void {
  const error = faultOf(textOf(answer, 'fault'), site);
  if (error) throw error;
}

function faultOf(
  text: string | undefined,
  site: Pick<Site, 'machine' | 'directory'>,
): WindrowError | undefined {
  const [, word = '', told = ''] = /^(\S*) ?(.*)$/.exec(text ?? '') ?? [];
  if (!Object.hasOwn(FAULTS, word)) return undefined;
  const code = FAULTS[word as keyof typeof FAULTS];
  const reason = (code === 'PILOT_COPY_DAMAGED' ? `SHA-256 ${told}` : told) || 'no reason was told';
  return pilotErrors.create(code, { ...factsOf(site), reason });
}

function factsOf({ machine, directory }: Pick<Site, 'machine' | 'directory'>) {
  return { machine, directory };
}

function has(lines: readonly AnswerLine[], word: string): boolean {
  return textOf(lines, word) !== undefined;
}
