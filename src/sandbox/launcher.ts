/**
 * The starter that drives the C launcher: one launcher process per slot, started with the first
 * program and kept. Everything that has to be exact or quick happens there; here are its end of
 * the pipe and what to do when it dies. Starts are sent ahead, so that a slot need not wait for
 * this process between two short programs.
 *
 * (start) → sent → (ended | failed report) → answered
 * sent → (launcher gone) → sweeping by cookie → answered with LAUNCHER_LOST
 * any → (close) → what runs is killed, what waits withdrawn, the launcher's input ended → closed
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { messageOf, systemClock } from '#base';
import { COOKIE_VARIABLE, createCookies } from './cookie.ts';
import {
  type EndReport,
  encodeKill,
  encodeStart,
  encodeWithdraw,
  PROTOCOL_VERSION,
  ReportReader,
} from './launcher-frames.ts';
import type { ProgramEnd, RunningProgram, Starter, StartFailure, StartRequest } from './port.ts';
import { readProcessTable } from './process-table.ts';
import { createTreeFinder } from './process-tree.ts';
import { signalName } from './signals.ts';
import { errnoName, failedStart, notStarted, ownFailure, unfitRequest } from './start-failure.ts';
import { descendantsOf, type Stuck, stuckAmong } from './stuck.ts';
import { killAll } from './tracking/kill-all.ts';

type Outcome = ProgramEnd | StartFailure;

/** Below the launcher's own limit of 64. */
const AHEAD = 32;
/**
 * bubblewrap fails where a mount of the machine goes away while it goes through them, as those of
 * other attempts' networks and of containers do. Nothing has run then.
 */
const WALL_TRIES = 6;

interface Sent {
  readonly id: number;
  readonly request: StartRequest;
  readonly cookie: string;
  tries: number;
  /** What the last try to put its walls up printed. */
  words: Buffer[];
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
  readonly ahead = AHEAD;
  readonly #path: string;
  readonly #nextCookie = createCookies();
  #launcher: Launcher | null = null;
  /** In the order of their starts: the first is the one that runs. */
  readonly #sent = new Map<number, Sent>();
  #count = 0;
  #frames: Buffer[] = [];
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(path: string) {
    this.#path = path;
  }

  prepare(): void {
    try {
      this.#launcher ??= this.#launch();
    } catch {
      // the first start will say why
    }
  }

  start(request: StartRequest): RunningProgram {
    const refusal = this.#refuse(request);
    if (refusal !== null) return notStarted(refusal);
    const cookie = this.#nextCookie();
    const id = ++this.#count >>> 0;
    const frame = encodeStart(id, request, `${COOKIE_VARIABLE}=${cookie}`);
    if (frame === null) return notStarted(failedStart(request, 'exec', 'E2BIG'));
    try {
      this.#launcher ??= this.#launch();
    } catch (error) {
      return notStarted(this.#unfit(messageOf(error)));
    }
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    const sent = { id, request, cookie, tries: 1, words: [], resolve };
    this.#sent.set(id, sent);
    this.#last = promise;
    this.#send(frame);
    return {
      ended: promise,
      kill: (graceMs) => this.#kill(sent, graceMs),
      withdraw: () => this.#withdraw(sent),
      processes: () => this.#processesOf(sent),
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const sent of [...this.#sent.values()].reverse()) this.#kill(sent, 0);
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
    if (this.#sent.size > AHEAD) return ownFailure('STARTER_BUSY', { program });
    return unfitRequest(request);
  }

  /** What one turn has to say goes in one write: a write wakes the launcher. */
  #send(frame: Buffer): void {
    if (this.#frames.push(frame) > 1) return;
    process.nextTick(() => {
      const [first, ...more] = this.#frames;
      this.#frames = [];
      if (first)
        this.#launcher?.process.stdin?.write(more.length ? Buffer.concat([first, ...more]) : first);
    });
  }

  /** Behind those that were sent meanwhile. */
  #startsAgain(id: number): boolean {
    const sent = this.#sent.get(id);
    if (!sent || this.#closed || sent.tries === WALL_TRIES) return false;
    const frame = encodeStart(id, sent.request, `${COOKIE_VARIABLE}=${sent.cookie}`);
    if (frame === null) return false;
    sent.tries++;
    sent.words = [];
    this.#sent.delete(id);
    this.#sent.set(id, sent);
    this.#send(frame);
    return true;
  }

  #kill(sent: Sent, graceMs: number): void {
    if (this.#sent.get(sent.id) !== sent || this.#launcher === null) return;
    this.#send(encodeKill(sent.id, graceMs));
    // A program may stop any process of its user, and us with it.
    this.#launcher.process.kill('SIGCONT');
  }

  /** Whatever orphans and cleans itself, the launcher has adopted it. */
  #processesOf(sent: Sent): number[] {
    const [running] = this.#sent.values();
    const pid = this.#launcher?.process.pid;
    return running === sent && pid !== undefined ? descendantsOf(pid, readProcessTable()) : [];
  }

  #withdraw(sent: Sent): void {
    if (this.#sent.get(sent.id) === sent) this.#send(encodeWithdraw(sent.id));
  }

  #answer(id: number, outcome: (sent: Sent) => Outcome): void {
    const sent = this.#sent.get(id);
    if (!sent) return;
    this.#sent.delete(id);
    for (const words of sent.words) sent.request.onOutput('stderr', words);
    sent.resolve(outcome(sent));
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
      onOutput: (stream, bytes) => {
        const [running] = this.#sent.values();
        if (stream === 'words') running?.words.push(bytes);
        else running?.request.onOutput(stream, bytes);
      },
      onEnded: (id, end) => {
        const stuck = end.abandoned ? this.#letGo(launcher) : [];
        this.#answer(id, () => programEnd(end, stuck));
      },
      onFailed: (id, errno, stage) => {
        if (stage === 'walls' && this.#startsAgain(id)) return;
        this.#answer(id, ({ request }) =>
          stage === 'withdrawn'
            ? ownFailure('STARTER_WITHDRAWN', { program: request.file })
            : failedStart(request, stage, errnoName(errno)),
        );
      },
      onMalformed: reject,
    });
    output.on('error', () => {});
    output.on('data', (piece: Buffer) => reader.push(piece));
  }

  /** What it could not kill is its child for good: it runs nothing any more, and another one does. */
  #letGo(launcher: Launcher): Stuck[] {
    const left = descendantsOf(launcher.process.pid!, readProcessTable());
    this.#launcher = null;
    launcher.process.stdin?.end();
    return stuckAmong(left);
  }

  /** The next start makes a new one. */
  async #onGone(launcher: Launcher, how: string): Promise<void> {
    if (this.#launcher !== launcher) return;
    // It could not kill what it ran; its own child died with it, the rest carries the cookie. Which
    // ones ran is not known: the last reports may have died with it too.
    for (const { cookie } of [...this.#sent.values()]) {
      const find = createTreeFinder(systemClock.monotonic);
      await killAll(() => find({ leader: null, cookie }), systemClock);
    }
    this.#launcher = null;
    const sound = launcher.greeted && launcher.unfit === null;
    for (const { id } of [...this.#sent.values()]) {
      this.#answer(id, ({ request }) =>
        sound
          ? ownFailure('LAUNCHER_LOST', { program: request.file, how })
          : this.#unfit(launcher.unfit ?? how),
      );
    }
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

function programEnd(end: EndReport, stuck: readonly Stuck[]): ProgramEnd {
  const { exitCode, timedOut, killed, abandoned: _, strays, wallMs, signal, ...rest } = end;
  const { endedAtNs, ...figures } = rest;
  const agoMs = Math.max(0, Number(process.hrtime.bigint() - endedAtNs) / 1e6);
  const measured = { source: 'rusage', figures } as const;
  const name = signal === null ? null : signalName(signal);
  return { exitCode, signal: name, timedOut, killed, stuck, strays, wallMs, agoMs, measured };
}
