/** A worker that is an executable goes on as the one of a newer server, as the same process. */
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { isSea } from 'node:sea';
import { systemClock } from '#base';
import type { WorkerOptions } from '#cli';
import { tryExecutable } from '#pilots';
import { type AgentLog, handedPathOf, Successor } from '#worker';
import { PLATFORM } from './executables.ts';

/** Set for the executable that follows; names the file with the session, if that came by stdin. */
const VARIABLE = 'WINDROW_SUCCEEDS';
const NO_FILE = '-';

/** Null where windrow runs from its sources or their bundle: those are updated by whoever has them. */
export function successorFor(options: WorkerOptions, log: AgentLog): Successor | null {
  if (!isSea()) return null;
  return new Successor({
    executable: process.execPath,
    platform: PLATFORM,
    spareDirectory: join(options.directory, 'bin'),
    tryVersion: tryExecutable,
    clock: systemClock,
    log,
  });
}

/** What this process was handed by the executable that it succeeds. */
export interface Inheritance {
  /** The line that was on standard input, or null. */
  readonly session: string | null;
}

/** Null in a process that was started in the ordinary way. To be called once. */
export function takeInheritance(): Inheritance | null {
  const file = process.env[VARIABLE];
  if (file === undefined) return null;
  delete process.env[VARIABLE];
  if (file === NO_FILE) return { session: null };
  try {
    return { session: readFileSync(file, 'utf8') };
  } finally {
    rmSync(file, { force: true });
  }
}

export interface Succession {
  /** Absolute. */
  readonly path: string;
  readonly options: WorkerOptions;
  /** What came by stdin and cannot be read again. It lies in a 0600 file until it has been taken. */
  readonly session: string | null;
  readonly sessionTag: string;
  /** When it is to end by itself: what is left of a duration, or the moment. */
  readonly until: WorkerOptions['until'];
}

/**
 * Never returns: this process becomes the other executable, with the same words. Throws when it
 * cannot be executed or the session not be handed over; then nothing of that is left.
 */
export function becomeSuccessor(succession: Succession): never {
  const { path, options, session, sessionTag, until } = succession;
  const words = wordsFrom(process.argv.slice(2), until);
  const at = words.indexOf('--client-file');
  if (at >= 0) {
    // What others put here for the session may be removed at its end; so may what follows it.
    words[at + 1] = path;
    closeSync(openSync(`${path}.by-${sessionTag}`, 'a', 0o600));
  }
  const execute = (handed: string): never =>
    process.execve!(path, [path, ...words], { ...process.env, [VARIABLE]: handed });
  if (session === null) return execute(NO_FILE);
  const handed = handedPathOf(options.directory, hostname(), process.pid);
  try {
    writeFileSync(handed, session, { flag: 'wx', mode: 0o600 });
    return execute(handed);
  } catch (error) {
    rmSync(handed, { force: true });
    throw error;
  }
}

/** A duration, and a time of day that has just gone by, would begin anew with the new process. */
export function wordsFrom(words: readonly string[], until: WorkerOptions['until']): string[] {
  if (until === null) return [...words];
  const when = 'afterMs' in until ? `${Math.ceil(until.afterMs)} ms` : momentOf(until.atMs);
  const at = words.findIndex((word) => word === '--until' || word.startsWith('--until='));
  const count = words[at] === '--until' ? 2 : 1;
  return words.toSpliced(at, count, `--until=${when}`);
}

/** RFC 3339, by the second as moments are written. */
function momentOf(atMs: number): string {
  return new Date(atMs).toISOString().replace(/\.\d+Z$/, 'Z');
}
