/**
 * A long-lived child for user code that answers questions: lines in on its stdin, lines out on its
 * descriptor 3, so that whatever the code prints cannot be mistaken for an answer. It is watched
 * from outside and never trusted.
 *
 * running → (exit | kill | too much memory | too long a line) → tree killed → output read → over
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { messageOf, systemClock } from '#base';
import { type Captured, CapturedOutput } from './captured-output.ts';
import { COOKIE_VARIABLE, createCookies } from './cookie.ts';
import { sandboxErrors } from './errors.ts';
import { LineCutter } from './line-cutter.ts';
import { endOutput } from './output-end.ts';
import { createTreeFinder, signalTree, type TreeMarks } from './process-tree.ts';
import { killAll } from './tracking/kill-all.ts';
import { watchUsage } from './tree-usage.ts';

/** Of one line in either direction, its newline not counted. */
export const LINE_LIMIT_BYTES = 16 * 1024 * 1024;
/** Lines written but not yet read by the child. */
const UNREAD_LIMIT_BYTES = 2 * LINE_LIMIT_BYTES;
/** Of stdout and of stderr, for whoever has to find out what went wrong. */
const CAPTURE_BYTES = 64 * 1024;

export type LineProcessReason = 'exited' | 'killed' | 'memory' | 'line-too-long' | 'not-started';

export interface LineProcessEnd {
  readonly reason: LineProcessReason;
  /** One sentence for a person. */
  readonly message: string;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stdout: Captured;
  readonly stderr: Captured;
}

export interface LineProcessOptions {
  /** `argv[0]` is an absolute path, or a name on `environment.PATH`. */
  readonly argv: readonly string[];
  readonly directory: string;
  /** The whole environment; only WINDROW_START is added. */
  readonly environment: Readonly<Record<string, string>>;
  /** Of resident memory, its descendants included, looked at every 100 ms; 0: no limit. */
  readonly memoryBytes: number;
  onLine(line: string): void;
  /** Called once, when nothing of the process is left. */
  onEnd?(end: LineProcessEnd): void;
}

export interface LineProcess {
  /** Throws LINE_NOT_SENDABLE; after the end it does nothing. */
  send(line: string): void;
  /** Kills the whole tree at once. Safe at any time, repeatable. */
  kill(): void;
  /** Never rejects. */
  readonly closed: Promise<LineProcessEnd>;
}

const nextCookie = createCookies();

/** Starts one. A process that cannot be started ends as `not-started`; nothing is thrown. */
export function openLineProcess(options: LineProcessOptions): LineProcess {
  const watched = new WatchedProcess(options);
  const closed = watched.run();
  // Registered first, called first; what it throws is not the fault of whoever awaits `closed`.
  void closed.then((end) => options.onEnd?.(end));
  return {
    send: (line) => watched.send(line),
    kill: () => watched.stop('killed'),
    closed,
  };
}

class WatchedProcess {
  readonly #options: LineProcessOptions;
  readonly #program: string;
  readonly #find = createTreeFinder(systemClock.monotonic);
  readonly #stdout = new CapturedOutput(CAPTURE_BYTES);
  readonly #stderr = new CapturedOutput(CAPTURE_BYTES);
  readonly #cutter: LineCutter;
  readonly #cookie = nextCookie();
  #child: ChildProcess | null = null;
  #seenBytes = 0;
  #usedBytes = 0;
  #reason: LineProcessReason | null = null;
  #over = false;

  constructor(options: LineProcessOptions) {
    this.#options = options;
    this.#program = options.argv[0] ?? '';
    this.#cutter = new LineCutter(LINE_LIMIT_BYTES, {
      onLine: (line) => {
        if (this.#reason === null) options.onLine(line);
      },
      onTooLong: () => this.stop('line-too-long'),
    });
  }

  async run(): Promise<LineProcessEnd> {
    let child: ChildProcess;
    try {
      child = this.#spawn();
    } catch (error) {
      return this.#notStarted(error);
    }
    const closed = new Promise((resolve) => child.once('close', resolve));
    const exit = await this.#watch(child);
    if (exit instanceof Error) return this.#notStarted(exit);
    this.#over = true;
    this.#reason ??= 'exited';
    await killAll(() => this.#find(this.#marks(child)), systemClock);
    await endOutput(child, closed, () => this.#seenBytes);
    const how = exit.signal ?? `exit code ${exit.code}`;
    return this.#end(this.#reason, this.#describe(this.#reason, how), exit);
  }

  send(line: string): void {
    const input = this.#child?.stdin;
    if (!input || this.#over || this.#reason !== null) return;
    const bytes = Buffer.byteLength(line);
    const fault = line.includes('\n')
      ? 'it contains a newline'
      : bytes > LINE_LIMIT_BYTES
        ? `it has ${bytes} bytes, at most ${LINE_LIMIT_BYTES} are allowed`
        : input.writableLength + bytes > UNREAD_LIMIT_BYTES
          ? `${input.writableLength} bytes of earlier lines are not read yet`
          : null;
    if (fault !== null) {
      throw sandboxErrors.create('LINE_NOT_SENDABLE', { program: this.#program, reason: fault });
    }
    input.write(`${line}\n`);
  }

  stop(reason: LineProcessReason): void {
    if (this.#over || !this.#child?.pid) return;
    this.#reason ??= reason;
    const marks = this.#marks(this.#child);
    signalTree(this.#find(marks), 'SIGSTOP');
    signalTree(this.#find(marks), 'SIGKILL');
  }

  #spawn(): ChildProcess {
    const { argv, directory, environment } = this.#options;
    this.#child = spawn(this.#program, argv.slice(1), {
      cwd: directory,
      env: { ...environment, [COOKIE_VARIABLE]: this.#cookie },
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    });
    return this.#child;
  }

  /** Resolves with how it exited, or with the error of a start that failed. */
  #watch(child: ChildProcess): Promise<Error | { code: number | null; signal: string | null }> {
    const { promise, resolve } = Promise.withResolvers<
      Error | { code: number | null; signal: string | null }
    >();
    this.#listen(child);
    const usage = child.pid === undefined ? null : this.#watchMemory(child.pid);
    child.on('error', (error) => {
      if (child.pid === undefined) resolve(error);
    });
    child.once('exit', (code, signal) => {
      usage?.stop();
      resolve({ code, signal });
    });
    return promise;
  }

  #listen(child: ChildProcess): void {
    const listen = (descriptor: number, take: (bytes: Buffer) => void) => {
      const stream = child.stdio[descriptor];
      stream?.on('error', () => {});
      stream?.on('data', (bytes: Buffer) => {
        this.#seenBytes += bytes.length;
        take(bytes);
      });
    };
    // A write to a process that ends fails; its end says all there is to say.
    child.stdin?.on('error', () => {});
    listen(1, (bytes) => this.#stdout.push(bytes));
    listen(2, (bytes) => this.#stderr.push(bytes));
    listen(3, (bytes) => this.#cutter.push(bytes));
  }

  #watchMemory(pid: number): { stop(): void } {
    const { memoryBytes } = this.#options;
    return watchUsage(pid, systemClock.monotonic, ({ residentBytes }) => {
      if (memoryBytes === 0 || residentBytes <= memoryBytes) return;
      this.#usedBytes ||= residentBytes;
      this.stop('memory');
    });
  }

  #marks(child: ChildProcess): TreeMarks {
    return { leader: child.pid ?? null, cookie: this.#cookie };
  }

  #describe(reason: LineProcessReason, how: string): string {
    const program = this.#program;
    if (reason === 'memory') {
      const facts = { usedBytes: this.#usedBytes, limitBytes: this.#options.memoryBytes };
      return sandboxErrors.create('LINE_PROCESS_MEMORY', { program, ...facts }).message;
    }
    if (reason === 'line-too-long') {
      const facts = { program, limitBytes: LINE_LIMIT_BYTES };
      return sandboxErrors.create('LINE_PROCESS_LINE_TOO_LONG', facts).message;
    }
    const code = reason === 'killed' ? 'LINE_PROCESS_KILLED' : 'LINE_PROCESS_EXITED';
    return sandboxErrors.create(code, { program, how }).message;
  }

  #notStarted(error: unknown): LineProcessEnd {
    this.#over = true;
    const facts = { program: this.#program, reason: messageOf(error) };
    const { message } = sandboxErrors.create('LINE_PROCESS_NOT_STARTED', facts);
    return this.#end('not-started', message, { code: null, signal: null });
  }

  #end(
    reason: LineProcessReason,
    message: string,
    exit: { code: number | null; signal: string | null },
  ): LineProcessEnd {
    const [stdout, stderr] = [this.#stdout.result(), this.#stderr.result()];
    return { reason, message, exitCode: exit.code, signal: exit.signal, stdout, stderr };
  }
}
