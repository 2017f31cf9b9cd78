/**
 * The starter that drives the C launcher: one launcher process per slot, started with the first
 * program and kept. Everything that has to be exact or quick happens there; here are its end of
 * the pipe and what to do when it dies.
 *
 * idle → (start) → running → (ended | failed report) → idle
 * running → (launcher gone) → sweeping by cookie → idle; `ended` becomes LAUNCHER_LOST
 * any → (close) → the program killed, the launcher's input ended → closed
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { messageOf, systemClock } from '#base';
import { COOKIE_VARIABLE, createCookies } from './cookie.ts';
import {
  type EndReport,
  encodeKill,
  encodeStart,
  PROTOCOL_VERSION,
  ReportReader,
} from './launcher-frames.ts';
import type { ProgramEnd, RunningProgram, Starter, StartFailure, StartRequest } from './port.ts';
import { createTreeFinder, killTree } from './process-tree.ts';
import { signalName } from './signals.ts';
import { errnoName, failedStart, notStarted, ownFailure, unfitRequest } from './start-failure.ts';

type Outcome = ProgramEnd | StartFailure;

interface Running {
  readonly request: StartRequest;
  readonly cookie: string;
  resolve(outcome: Outcome): void;
}

interface Launcher {
  readonly process: ChildProcess;
  /** It said hello: it is a launcher, of our version unless `unfit` says otherwise. */
  greeted: boolean;
  /** Why it was killed by us; null while nothing is wrong. */
  unfit: string | null;
  /** Resolves when the process is gone and its pipes are empty. */
  readonly gone: Promise<string>;
}

/** Starts programs through the launcher at `path`. */
export class LauncherStarter implements Starter {
  readonly kind = 'launcher';
  readonly #path: string;
  readonly #nextCookie = createCookies();
  readonly #find = createTreeFinder(systemClock.monotonic);
  #launcher: Launcher | null = null;
  #running: Running | null = null;
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(path: string) {
    this.#path = path;
  }

  start(request: StartRequest): RunningProgram {
    const refusal = this.#refuse(request);
    if (refusal !== null) return notStarted(refusal);
    const cookie = this.#nextCookie();
    const frame = encodeStart(request, `${COOKIE_VARIABLE}=${cookie}`);
    if (frame === null) return notStarted(failedStart(request, 'exec', 'E2BIG'));
    try {
      this.#launcher ??= this.#launch();
    } catch (error) {
      return notStarted(this.#unfit(messageOf(error)));
    }
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    const running = { request, cookie, resolve };
    this.#running = running;
    this.#last = promise;
    this.#launcher.process.stdin?.write(frame);
    return { ended: promise, kill: (graceMs) => this.#kill(running, graceMs) };
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#running) this.#kill(this.#running, 0);
    await this.#last;
    const launcher = this.#launcher;
    if (launcher === null) return;
    launcher.process.stdin?.end();
    launcher.process.kill('SIGCONT');
    await launcher.gone;
  }

  #refuse(request: StartRequest): StartFailure | null {
    const program = request.file;
    if (this.#closed) return ownFailure('STARTER_CLOSED', { program });
    if (this.#running) return ownFailure('STARTER_BUSY', { program });
    return unfitRequest(request);
  }

  #kill(running: Running, graceMs: number): void {
    if (this.#running !== running || this.#launcher === null) return;
    this.#launcher.process.stdin?.write(encodeKill(graceMs));
    // A program may stop any process of its user, and us with it.
    this.#launcher.process.kill('SIGCONT');
  }

  #finish(outcome: Outcome): void {
    const running = this.#running;
    this.#running = null;
    running?.resolve(outcome);
  }

  /** Throws what spawn throws. */
  #launch(): Launcher {
    // Detached, and in the root folder: it belongs to no terminal and keeps no file system busy.
    const child = spawn(this.#path, [], {
      cwd: '/',
      env: {},
      detached: true,
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const launcher: Launcher = {
      process: child,
      greeted: false,
      unfit: null,
      gone: whenGone(child),
    };
    // A launcher that died is noticed by its end; a failed write says nothing more.
    child.stdin?.on('error', () => {});
    if (child.stdout) this.#listen(launcher, child.stdout);
    void launcher.gone.then((how) => this.#onGone(launcher, how));
    return launcher;
  }

  #listen(launcher: Launcher, output: Readable): void {
    const reject = (reason: string) => {
      launcher.unfit = reason;
      launcher.process.kill('SIGKILL');
    };
    const reader = new ReportReader({
      onHello: (version) => {
        launcher.greeted = true;
        if (version !== PROTOCOL_VERSION) {
          reject(`it speaks version ${version} of the protocol, expected ${PROTOCOL_VERSION}`);
        }
      },
      onOutput: (stream, bytes) => this.#running?.request.onOutput(stream, bytes),
      onEnded: (end) => this.#finish(programEnd(end)),
      onFailed: (errno, stage) => {
        if (this.#running)
          this.#finish(failedStart(this.#running.request, stage, errnoName(errno)));
      },
      onMalformed: reject,
    });
    output.on('error', () => {});
    output.on('data', (piece: Buffer) => reader.push(piece));
  }

  /** Only here does a launcher leave `#launcher`: the next start makes a new one. */
  async #onGone(launcher: Launcher, how: string): Promise<void> {
    const running = this.#running;
    if (running) {
      // It could not kill what it ran; its own child died with it, the rest carries the cookie.
      await killTree(this.#find, { leader: null, cookie: running.cookie });
    }
    this.#launcher = null;
    if (!running) return;
    const lost = { program: running.request.file, how };
    const sound = launcher.greeted && launcher.unfit === null;
    this.#finish(sound ? ownFailure('LAUNCHER_LOST', lost) : this.#unfit(launcher.unfit ?? how));
  }

  #unfit(reason: string): StartFailure {
    return ownFailure('LAUNCHER_UNFIT', { launcher: this.#path, reason });
  }
}

/** Resolves with how the process ended, in words. */
function whenGone(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.on('error', (error) => {
      if (child.pid === undefined) resolve(error.message);
    });
    child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
}

function programEnd(end: EndReport): ProgramEnd {
  const { exitCode, timedOut, killed, strays, wallMs, signal, ...figures } = end;
  const measured = { source: 'rusage', figures } as const;
  const name = signal === null ? null : signalName(signal);
  return { exitCode, signal: name, timedOut, killed, strays, wallMs, measured };
}
