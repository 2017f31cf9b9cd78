/**
 * One program started with Node's spawn, from its start to the end of all it left.
 *
 * running → (kill | timeout) → terminating → (grace over) → killing
 * any of these → (the program exits) → what is left: has the rest of the grace, or none
 *   → killed → output ends → over
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { type Clock, systemCodeOf } from '#base';
import { endOutput } from './output-end.ts';
import type { ProgramEnd, StartFailure, StartRequest } from './port.ts';
import { type FindTree, signalTree, type TreeMarks } from './process-tree.ts';
import { signalName } from './signals.ts';
import { listenToStage, type StageReport } from './stage-report.ts';
import { failedStart } from './start-failure.ts';
import { stuckAmong } from './stuck.ts';
import { GIVE_UP_MS, killAll } from './tracking/kill-all.ts';
import { type UsageWatch, watchUsage } from './tree-usage.ts';

const GRACE_LOOK_MS = 10;
/** Ten years, as in the launcher. */
const LONGEST_MS = 315_360_000_000;

export interface SpawnParts {
  readonly environment: Readonly<Record<string, string>>;
  readonly cookie: string;
  /** What is executed: the program, or what puts its walls up. */
  readonly file: string;
  readonly argv: readonly string[];
  /** Descriptor of the program's stdin, or null for /dev/null. */
  readonly input: number | null;
  /** Descriptors from 4 on. */
  readonly files: readonly number[];
  readonly find: FindTree;
  readonly clock: Clock;
}

interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

export class SpawnedProgram {
  /** Resolves after the whole tree is gone and all output was delivered. */
  readonly ended: Promise<ProgramEnd | StartFailure>;
  readonly #request: StartRequest;
  readonly #parts: SpawnParts;
  readonly #child: ChildProcess;
  readonly #marks: TreeMarks;
  readonly #startedMs: number;
  readonly #stage: (() => StageReport) | null;
  readonly #timers = new Set<NodeJS.Timeout>();
  #killAtMs = Number.POSITIVE_INFINITY;
  #exited = false;
  #killed = false;
  #timedOut = false;
  #treeKilled = false;
  /** SIGKILL did not end all of it. */
  #abandoned = false;
  readonly #givenUp = Promise.withResolvers<Exit>();
  #outputBytes = 0;

  /** Throws what spawn throws. */
  constructor(request: StartRequest, parts: SpawnParts) {
    this.#request = request;
    this.#parts = parts;
    this.#startedMs = parts.clock.monotonic();
    const { walls } = request;
    this.#child = spawn(parts.file, parts.argv.slice(1), {
      argv0: parts.argv[0]!,
      cwd: request.directory,
      env: parts.environment,
      detached: true,
      stdio: [
        parts.input ?? 'ignore',
        'pipe',
        'pipe',
        ...(walls ? ['pipe' as const] : []),
        ...parts.files,
      ],
    });
    this.#stage = walls ? listenToStage(this.#child.stdio[3] as Readable) : null;
    this.#marks = { leader: this.#child.pid ?? null, cookie: parts.cookie };
    this.ended = this.#run();
  }

  processes(): number[] {
    return this.#exited ? [] : this.#parts.find(this.#marks).map(({ pid }) => pid);
  }

  kill(graceMs: number): void {
    if (!this.#exited) this.#killed = true;
    this.#beginKill(graceMs);
  }

  async #run(): Promise<ProgramEnd | StartFailure> {
    this.#listen('stdout');
    this.#listen('stderr');
    const closed = new Promise((resolve) => this.#child.once('close', resolve));
    const exit = this.#whenExited();
    if (this.#child.pid === undefined) {
      return failedStart(this.#request, 'exec', (await exit) as string);
    }
    const usage = watchUsage(this.#child.pid, this.#parts.clock.monotonic);
    if (this.#request.timeoutMs > 0) this.#after(this.#request.timeoutMs, () => this.#timeOut());
    const outcome = (await Promise.race([exit, this.#givenUp.promise])) as Exit;
    const wallMs = this.#parts.clock.monotonic() - this.#startedMs;
    this.#exited = true;
    usage.stop();
    await this.#grace();
    const giveUpMs = this.#abandoned ? 0 : GIVE_UP_MS;
    const all = await killAll(() => this.#parts.find(this.#marks), this.#parts.clock, giveUpMs);
    const stuck = stuckAmong(all.left.map(({ pid }) => pid));
    for (const timer of this.#timers) clearTimeout(timer);
    await endOutput(this.#child, closed, () => this.#outputBytes);
    const report = this.#stage?.() ?? null;
    if (report?.fault && !this.#killed && !this.#timedOut) {
      return failedStart(this.#request, report.fault.stage, report.fault.code);
    }
    const strays = this.#treeKilled ? 0 : all.killed + (report?.end?.strays ?? 0);
    return this.#end(exitOf(report, outcome), { wallMs, strays, stuck }, usage);
  }

  /** An errno name when it never ran. */
  #whenExited(): Promise<Exit | string> {
    return new Promise((resolve) => {
      this.#child.on('error', (error) => resolve(systemCodeOf(error) ?? 'EIO'));
      this.#child.once('exit', (code, signal) => resolve({ code, signal }));
    });
  }

  #listen(stream: 'stdout' | 'stderr'): void {
    // Absent when there were too few descriptors for a pipe; the error event says so.
    const output = this.#child[stream];
    output?.on('data', (bytes: Buffer) => {
      this.#outputBytes += bytes.length;
      this.#request.onOutput(stream, bytes);
    });
    output?.on('error', () => {});
  }

  #timeOut(): void {
    if (this.#exited) return;
    this.#timedOut = true;
    this.#beginKill(this.#request.killGraceMs);
  }

  #beginKill(wantedGraceMs: number): void {
    const graceMs = Math.min(wantedGraceMs, LONGEST_MS);
    const first = this.#killAtMs === Number.POSITIVE_INFINITY;
    const killAtMs = this.#parts.clock.monotonic() + graceMs;
    if (killAtMs >= this.#killAtMs) return;
    this.#killAtMs = killAtMs;
    if (graceMs > 0) {
      if (first) this.#ask();
      this.#after(graceMs, () => this.#killNow());
    } else this.#killNow();
  }

  #killNow(): void {
    if (this.#exited) return;
    this.#treeKilled = true;
    this.#signal('SIGSTOP', 'SIGKILL');
    this.#after(GIVE_UP_MS, () => this.#giveUp());
  }

  /** A process in the middle of a system call that sleeps for good does not even die. */
  #giveUp(): void {
    this.#abandoned = true;
    this.#givenUp.resolve({ code: null, signal: 'SIGKILL' });
  }

  /** What guards a program behind walls is not asked: with its end everything would end at once. */
  #ask(): void {
    const guard = this.#request.walls?.guarded ? this.#marks.leader : null;
    for (const signal of ['SIGTERM', 'SIGCONT'] as const) {
      const tree = this.#parts.find(this.#marks).filter(({ group }) => group !== guard);
      signalTree(tree, signal);
    }
  }

  #signal(...signals: NodeJS.Signals[]): void {
    for (const signal of signals) signalTree(this.#parts.find(this.#marks), signal);
  }

  /** setTimeout takes 2^31 ms at most; longer times are waited for in parts. */
  #after(ms: number, act: () => void): void {
    const partMs = Math.min(ms, 2 ** 31 - 1);
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (ms > partMs) this.#after(ms - partMs, act);
      else act();
    }, partMs);
    this.#timers.add(timer);
  }

  /** After SIGTERM the rest of the tree may use what is left of the grace. */
  async #grace(): Promise<void> {
    if (this.#killAtMs === Number.POSITIVE_INFINITY) return;
    while (this.#parts.clock.monotonic() < this.#killAtMs) {
      if (this.#parts.find(this.#marks).length === 0) return;
      await pause(GRACE_LOOK_MS);
    }
  }

  #end(
    exit: Exit,
    rest: Pick<ProgramEnd, 'wallMs' | 'strays' | 'stuck'>,
    usage: UsageWatch,
  ): ProgramEnd {
    const peak = usage.peak;
    return {
      exitCode: exit.signal === null ? exit.code : null,
      signal: exit.signal,
      timedOut: this.#timedOut,
      killed: this.#killed,
      ...rest,
      agoMs: 0,
      measured: {
        source: peak === null ? 'none' : 'sampled',
        figures: {
          cpuUserMs: peak?.cpuUserMs ?? null,
          cpuSystemMs: peak?.cpuSystemMs ?? null,
          memoryPeakBytes: peak?.residentBytes ?? null,
          ioReadBytes: peak?.readBytes ?? null,
          ioWriteBytes: peak?.writtenBytes ?? null,
          tasksPeak: peak?.tasks ?? null,
        },
      },
    };
  }
}

/** What guards a program ends with an exit code of its own: 128 + n when signal n ended it. */
function exitOf(report: StageReport | null, exit: Exit): Exit {
  if (!report?.end) return exit;
  const { exitCode, signal } = report.end;
  return { code: exitCode, signal: signal === null ? null : signalName(signal) };
}
