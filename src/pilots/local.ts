/**
 * A worker on this machine, as a process of its own: it outlives whoever started it, also a kill
 * of that process, and a server that starts again finds it by the lock in its directory.
 *
 *   (no holder of the lock) ──spawn──▶ running ──▶ ended
 *   (a living holder)      ──adopt──▶ running ──▶ ended
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectories, messageOf } from '#base';
import { pilotErrors } from './errors.ts';

/** Who holds the worker directory's lock now; the worker's room knows how to read it. */
export interface Holder {
  readonly pid: number;
  readonly life: 'alive' | 'gone' | 'unknown';
}

export interface LocalWorkerOptions {
  /** The whole command: `[node, windrow.js, 'worker', …]`. Everybody can read it: no secrets. */
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Directory for the log; made if missing. */
  readonly dir: string;
  /**
   * One line for its stdin: its session, or the word to begin when it may load before. Null: none.
   * A worker that was running before gets none.
   */
  readonly line: string | null | Promise<string | null>;
  readonly findHolder: () => Holder | undefined;
}

export interface WorkerEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** Last line of its log, for a message; `''` for an adopted worker. */
  readonly lastLine: string;
}

export interface LocalWorker {
  readonly pid: number;
  /** True when it was running before. */
  readonly adopted: boolean;
  readonly logPath: string;
  /** Resolves when the process is gone; `exitCode` is null for an adopted one. Never rejects. */
  readonly ended: Promise<WorkerEnd>;
  /** SIGTERM: the first lets it finish what runs, a second stops it at once. */
  terminate(): void;
  /** SIGHUP: stops it at once. Two quick SIGTERM would reach it as one. */
  stop(): void;
  /** SIGKILL; its programs end with it. */
  kill(): void;
  /** Lets this process end although the worker goes on. */
  unref(): void;
}

const LARGEST_LOG_BYTES = 4 * 1024 * 1024;
const LOOK_MS = 250;

/** Starts a worker, or takes the one that is alive. Rejects with `PILOT_WORKER_NOT_STARTED`. */
export async function startLocalWorker(options: LocalWorkerOptions): Promise<LocalWorker> {
  makeDirectories(options.dir, 0o700);
  const logPath = join(options.dir, 'worker.log');
  const holder = options.findHolder();
  if (holder?.life === 'alive') return adopt(holder, logPath, options.findHolder);
  return await launch(options, logPath);
}

function adopt(
  { pid }: Holder,
  logPath: string,
  findHolder: LocalWorkerOptions['findHolder'],
): LocalWorker {
  let timer: NodeJS.Timeout | undefined;
  // It is nobody's child here, so its end is seen only by looking.
  const ended = new Promise<WorkerEnd>((resolve) => {
    timer = setInterval(() => {
      const holder = findHolder();
      if (holder?.pid === pid && holder.life === 'alive') return;
      clearInterval(timer);
      resolve({ exitCode: null, signal: null, lastLine: '' });
    }, LOOK_MS);
  });
  const send = (signal: NodeJS.Signals) => {
    const holder = findHolder();
    if (holder?.pid === pid && holder.life === 'alive') signalQuietly(pid, signal);
  };
  return { pid, adopted: true, logPath, ended, ...controls(send), unref: () => timer?.unref() };
}

async function launch(options: LocalWorkerOptions, logPath: string): Promise<LocalWorker> {
  const [program = '', ...args] = options.argv;
  const log = openLog(logPath);
  let child: ChildProcess;
  try {
    child = spawn(program, args, {
      cwd: options.dir,
      env: { ...options.environment },
      // A session of its own: Ctrl-C at the terminal is for whoever started it.
      detached: true,
      stdio: [options.line === null ? 'ignore' : 'pipe', log, log],
    });
    await once(child, 'spawn');
  } catch (error) {
    const facts = { program, reason: messageOf(error) };
    throw pilotErrors.create('PILOT_WORKER_NOT_STARTED', facts, { cause: error });
  } finally {
    closeSync(log);
  }
  child.on('error', () => {}); // a signal that could not be sent; its end is told by `exit`
  child.stdin?.on('error', () => {}); // it ended before it read: told by `exit` too
  void tell(child, options.line);
  return started(child, logPath);
}

async function tell({ stdin }: ChildProcess, line: LocalWorkerOptions['line']): Promise<void> {
  const text = await line;
  stdin?.end(text === null ? '' : `${text}\n`);
}

function started(child: ChildProcess, logPath: string): LocalWorker {
  const ended = new Promise<WorkerEnd>((resolve) => {
    child.once('exit', (exitCode, signal) => {
      resolve({ exitCode, signal, lastLine: lastLineOf(logPath) });
    });
  });
  const send = (signal: NodeJS.Signals) => void child.kill(signal);
  return {
    pid: child.pid!,
    adopted: false,
    logPath,
    ended,
    ...controls(send),
    unref: () => child.unref(),
  };
}

function controls(send: (signal: NodeJS.Signals) => void) {
  return {
    terminate: () => send('SIGTERM'),
    stop: () => send('SIGHUP'),
    kill: () => send('SIGKILL'),
  };
}

function signalQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has just ended; `ended` tells.
  }
}

/** `PILOT_WORKER_FAILED` for a worker that nobody asked to end. */
export function unexpectedEnd(end: WorkerEnd, logPath: string): Error {
  const how = end.signal ?? (end.exitCode === null ? 'unknown' : `exit code ${end.exitCode}`);
  const reason = end.lastLine || 'it left no message';
  return pilotErrors.create('PILOT_WORKER_FAILED', { how, reason, log: logPath });
}

/** Appended to, so that the log of a crash survives the next start; one old log is kept. */
function openLog(path: string): number {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > LARGEST_LOG_BYTES) renameSync(path, `${path}.1`);
  return openSync(path, 'a', 0o600);
}

const TAIL_BYTES = 4096;
const LONGEST_LINE = 500;

function lastLineOf(path: string): string {
  let fd: number | undefined;
  try {
    fd = openSync(path, 'r');
    const size = statSync(path).size;
    const tail = Buffer.alloc(Math.min(TAIL_BYTES, size));
    const got = readSync(fd, tail, 0, tail.length, size - tail.length);
    const lines = tail.toString('utf8', 0, got).trimEnd().split('\n');
    return (lines.at(-1) ?? '').slice(-LONGEST_LINE).toWellFormed();
  } catch {
    return '';
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
