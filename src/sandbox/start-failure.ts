/** Start failures in words: the same for both starters. */
import { closeSync, constants, openSync, readSync, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { getSystemErrorMap } from 'node:util';
import type { Facts } from '#base';
import { sandboxErrors } from './errors.ts';
import type { RunningProgram, StartFailure, StartRequest } from './port.ts';

/** What was being done when a start failed. */
export type StartStage = 'process' | 'stdin' | 'directory' | 'exec' | WallStage;

/** Putting up the walls that a request asks for; `walls`: what puts them up ended before it had. */
export type WallStage =
  | 'cgroup'
  | 'namespace'
  | 'file'
  | 'walls'
  | 'options'
  | 'limit'
  | 'keys'
  | 'account'
  | 'privileges'
  | 'filter'
  | 'place';

/** As Linux searches when the environment has no PATH. */
const DEFAULT_PATH = '/usr/bin:/bin';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'it is not an executable file, or a folder above it may not be entered',
  ENOEXEC: 'it is neither a program for this machine nor a script that begins with #!',
  E2BIG: 'its arguments and environment are larger than the system allows',
  ENOTDIR: 'a part of the path is not a folder',
  ETXTBSY: 'the file is still being written',
  EAGAIN: 'the limit on processes is reached',
  ENOMEM: 'the machine has no memory left for it',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open on the machine',
};

function startFailure(code: string, message: string): StartFailure {
  return { failed: 'launch', code, message };
}

/** The failure for errno name `code` at `stage`, in words that name what was missing. */
export function failedStart(request: StartRequest, stage: StartStage, code: string): StartFailure {
  if (isWallStage(stage)) return failedWalls(request, stage, code);
  const reason = reasonOf(request, stage, code);
  const entry = code === 'ENOENT' && stage === 'exec' ? 'PROGRAM_NOT_FOUND' : 'PROGRAM_NOT_STARTED';
  const facts = { program: request.file, reason, code };
  return startFailure(code, sandboxErrors.create(entry, facts).message);
}

const WALL_FAULTS: Readonly<Record<WallStage, string>> = {
  cgroup: 'it could not be put into its cgroup',
  namespace: 'it could not be put into its namespace',
  file: 'a file for the walls could not be opened',
  walls: 'what puts them up ended before they stood',
  options: 'the last stage does not know its options',
  limit: 'a resource limit could not be set',
  keys: 'it got no keyring of its own',
  account: 'it could not be given its account',
  privileges: 'its privileges could not be taken away',
  filter: 'its system calls could not be filtered',
  place: 'a directory is not the one that was looked at: another has taken the place meanwhile',
};

function isWallStage(stage: StartStage): stage is WallStage {
  return Object.hasOwn(WALL_FAULTS, stage);
}

function failedWalls({ file }: StartRequest, stage: WallStage, code: string): StartFailure {
  const why = code === 'E0' ? '' : ` (${code})`;
  return ownFailure('WALLS_FAILED', { program: file, reason: `${WALL_FAULTS[stage]}${why}` });
}

/** The errno name of a positive errno number of this system, e.g. 2 → `ENOENT`. */
export function errnoName(errno: number): string {
  return getSystemErrorMap().get(-errno)?.[0] ?? `E${errno}`;
}

function reasonOf(request: StartRequest, stage: StartStage, code: string): string {
  if (stage === 'directory') return `its directory ${request.directory} cannot be entered`;
  if (stage === 'stdin') return `its input ${request.stdin} cannot be opened`;
  const interpreter = code === 'ENOENT' ? missingInterpreter(request) : null;
  if (interpreter !== null) return `its interpreter ${interpreter} is not there`;
  return REASONS[code] ?? systemReason(code);
}

function systemReason(code: string): string {
  for (const [name, text] of getSystemErrorMap().values()) if (name === code) return text;
  return 'the system refused';
}

/** A script whose `#!` names a missing file fails with the very ENOENT of a missing script. */
function missingInterpreter(request: StartRequest): string | null {
  const file = findProgram(request);
  const line = file === null ? null : readBeginning(file)?.toString('latin1').split('\n', 1)[0];
  return line?.startsWith('#!') ? (line.slice(2).trim().split(/\s+/, 1)[0] ?? null) : null;
}

/** The file that would be executed: looked up on the program's own PATH; null where there is none. */
export function findProgram(request: StartRequest): string | null {
  const { file, directory } = request;
  if (file.includes('/')) return existsAsFile(resolveIn(directory, file));
  for (const folder of (request.environment.PATH ?? DEFAULT_PATH).split(':')) {
    const found = existsAsFile(join(resolveIn(directory, folder), file));
    if (found !== null) return found;
  }
  return null;
}

function resolveIn(directory: string, path: string): string {
  return isAbsolute(path) ? path : join(directory, path);
}

function existsAsFile(path: string): string | null {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ? path : null;
}

/** The first 256 bytes, as much as Linux looks at to tell formats apart; null if unreadable. */
export function readBeginning(file: string): Buffer | null {
  let fd: number | null = null;
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const bytes = Buffer.alloc(256);
    return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, 0));
  } catch {
    return null;
  } finally {
    if (fd !== null) closeSync(fd);
  }
}

/** What no starter can pass on: NUL ends a string, `=` ends a name. Null when all is well. */
export function unfitRequest(request: StartRequest): StartFailure | null {
  const fault = faultOf(request);
  if (fault === null) return null;
  const facts = { program: request.file.replaceAll('\0', '\\0'), reason: fault, code: 'EINVAL' };
  return startFailure('EINVAL', sandboxErrors.create('PROGRAM_NOT_STARTED', facts).message);
}

function faultOf(request: StartRequest): string | null {
  if (request.argv.length === 0) return 'its argument vector is empty';
  if (!isAbsolute(request.directory)) return `its directory ${request.directory} is not absolute`;
  if (request.stdin !== null && !isAbsolute(request.stdin)) return 'its input path is not absolute';
  const strings = [request.file, request.directory, request.stdin ?? '', ...request.argv];
  if (strings.some((text) => text.includes('\0'))) return 'an argument contains a NUL byte';
  for (const [name, value] of Object.entries(request.environment)) {
    if (name === '' || /[=\0]/.test(name)) return `${JSON.stringify(name)} names no variable`;
    if (value.includes('\0')) return `the variable ${name} contains a NUL byte`;
  }
  return null;
}

/** Failures that are no errno of the program's start but Windrow's own. */
export type OwnFailure =
  | 'STARTER_BUSY'
  | 'STARTER_CLOSED'
  | 'STARTER_WITHDRAWN'
  | 'LAUNCHER_LOST'
  | 'LAUNCHER_UNFIT'
  | 'WALLS_FAILED';

export function ownFailure(code: OwnFailure, facts: Facts): StartFailure {
  return startFailure(code, sandboxErrors.create(code, facts).message);
}

/** A start that was refused before anything happened. */
export function notStarted(failure: StartFailure): RunningProgram {
  const nothing = { kill: () => {}, withdraw: () => {}, processes: () => [] };
  return { ended: Promise.resolve(failure), ...nothing };
}
