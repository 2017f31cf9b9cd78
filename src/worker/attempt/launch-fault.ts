/** Why a program could not be started, found out by looking at the file as the system did. */
import { accessSync, closeSync, constants, openSync, readSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { formatBytes, systemCodeOf } from '#base';
import { programKind } from '#model';
import type { StartRequest } from '#sandbox';

type Launch = Pick<StartRequest, 'file' | 'argv' | 'environment' | 'directory'>;

type Explanation = (path: string, shown: string) => string;

const EXPLANATIONS: Readonly<Record<string, Explanation>> = {
  ENOENT: notFound,
  EACCES: notAllowed,
  EPERM: notAllowed,
  ENOEXEC: notExecutable,
  ENOTDIR: (_, shown) => `${shown} cannot be: a part of its path is no directory.`,
  ETXTBSY: (_, shown) => `${shown} is being written to by another process.`,
  EAGAIN: () => 'This machine has no room for another process (EAGAIN).',
  ENOMEM: () => 'This machine has no memory left for another process (ENOMEM).',
};

/**
 * One sentence for a person. `code` is the errno name or the starter's own code, whose `message`
 * is passed on.
 */
export function explainLaunch(code: string, message: string, launch: Launch): string {
  const shown = printable(launch.argv[0] ?? launch.file);
  const explain = EXPLANATIONS[code];
  if (code === 'E2BIG') return tooLarge(launch, shown);
  if (!explain) return `${shown} could not be started: ${printable(message)}.`;
  if (!isDirectory(launch.directory)) {
    return `The directory ${printable(launch.directory)} does not exist on this machine.`;
  }
  const path = locate(launch);
  if (path !== undefined) return explain(path, shown);
  return `${shown} was not found in PATH (${printable(launch.environment.PATH ?? '')}).`;
}

/** Text of outside in a sentence: one line, no control characters, bounded. */
function printable(text: string): string {
  const plain = text.replace(/[\x00-\x1f\x7f-\x9f]+/g, ' ');
  return plain.length > 300 ? `${plain.slice(0, 300).toWellFormed()}…` : plain;
}

/** The file that execvp would try last; undefined when PATH has none of that name. */
function locate(launch: Launch): string | undefined {
  if (launch.file.includes('/')) return resolve(launch.directory, launch.file);
  const folders = (launch.environment.PATH ?? '').split(':');
  const candidates = folders.map((folder) => resolve(launch.directory, folder, launch.file));
  return candidates.find((path) => isFile(path));
}

function isFile(path: string): boolean {
  return statOf(path)?.isFile() ?? false;
}

function isDirectory(path: string): boolean {
  return statOf(path)?.isDirectory() ?? false;
}

function statOf(path: string) {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined; // below a directory that may not be entered
  }
}

function notFound(path: string, shown: string): string {
  if (!isFile(path)) return `${shown} does not exist on this machine.`;
  const interpreter = interpreterOf(beginningOf(path));
  if (interpreter === undefined) {
    return `${shown} needs a loader or library that this machine lacks (another libc or platform).`;
  }
  return `${shown} needs the interpreter ${printable(interpreter)}, which this machine lacks.`;
}

function notAllowed(path: string, shown: string): string {
  const found = statOf(path);
  if (found?.isDirectory()) return `${shown} is a directory, not a program.`;
  if (found && (found.mode & 0o111) === 0) {
    return `${shown} is not marked as executable (chmod +x).`;
  }
  const interpreter = interpreterOf(beginningOf(path));
  if (interpreter !== undefined && !mayExecute(interpreter)) {
    return `${shown} names the interpreter ${printable(interpreter)}, which may not be executed.`;
  }
  if (!mayExecute(path)) return `${shown} may not be executed by the user of this worker.`;
  return `${shown} may not be executed: ${dirname(path)} is on a file system without programs (noexec).`;
}

function mayExecute(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch (error) {
    return systemCodeOf(error) === 'ENOENT';
  }
}

function notExecutable(path: string, shown: string): string {
  const head = beginningOf(path);
  if (head.length === 0) return `${shown} is empty.`;
  const found = programKind(head);
  if (found.kind === 'elf') {
    return `${shown} is built for ${found.arch}, and this machine is ${process.arch}.`;
  }
  const what = found.kind === 'other' ? found.description : 'a script that names no interpreter';
  return `${shown} is ${what}.`;
}

function beginningOf(path: string): Buffer {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const head = Buffer.alloc(256);
    return head.subarray(0, readSync(fd, head, 0, head.length, 0));
  } catch {
    return Buffer.alloc(0);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** First word after `#!`; undefined for anything but a script. */
function interpreterOf(head: Buffer): string | undefined {
  const line = head.toString('latin1').split('\n', 1)[0]!;
  return /^#!\s*([^\s]+)/.exec(line)?.[1];
}

function tooLarge(launch: Launch, shown: string): string {
  const words = [
    ...launch.argv,
    ...Object.entries(launch.environment).map(([name, value]) => `${name}=${value}`),
  ];
  const bytes = words.reduce((sum, word) => sum + Buffer.byteLength(word) + 1, 0);
  return `The arguments and environment of ${shown} are too large for the system (${formatBytes(bytes)}); pass large values as inputs.`;
}
