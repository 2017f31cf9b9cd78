/**
 * A conversation with `machine.sh` on a machine, by one ssh command.
 *
 *   connecting ──ready──▶ idle ──call──▶ answering ──done──▶ idle
 *        └──────────── ssh ends, or is silent too long ──────┴──▶ ended
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Machine } from '../node-file.ts';
import { LineSplitter } from './line-splitter.ts';
import { type SshOptions, sshArgv, sshEnvironment } from './ssh-command.ts';

/** One line of an answer: `room 1234` is word `room` and text `1234`. */
export interface AnswerLine {
  readonly word: string;
  readonly text: string;
}

/** How ssh ended, and what is known of why. */
export interface ShellEnd {
  /** True when commands ran on the machine before. */
  readonly wasReady: boolean;
  readonly exitCode: number | null;
  /** What it was killed for by us, or null. */
  readonly givenUp: 'silent' | 'closed' | null;
  /** Last lines on its standard error. */
  readonly errors: readonly string[];
  /** Last lines without our mark on its standard output. */
  readonly other: readonly string[];
  /** ssh itself could not be started: the system's code. */
  readonly notStarted: string | null;
}

/** Thrown by what was under way when the conversation ended. */
export class ShellEnded extends Error {
  readonly end: ShellEnd;

  constructor(end: ShellEnd) {
    super('the connection has ended');
    this.end = end;
  }
}

export interface CallOptions {
  /** Longest silence; 0: any. */
  readonly silenceMs?: number;
  /** Bytes to be sent when the machine says `send`. */
  readonly body?: () => Iterable<Buffer> | AsyncIterable<Buffer>;
  /** Lines of what runs there, while it runs. */
  readonly onOutput?: (line: string) => void;
}

/** Login shells of all kinds take it: one line, single quotes, no backslash. */
export const BOOTSTRAP = `exec sh -c 'read -r mark && read -r nonce && read -r n && s=$(head -c "$n") && eval "$s"'`;

const SCRIPT = fileURLToPath(new URL('./machine.sh', import.meta.url));
const SILENCE_MS = 60_000;
/** Beyond the time for connecting: logging in. */
const LOGIN_MS = 20_000;
const KEPT_LINES = 40;
const CLOSING_MS = 5000;

interface Call {
  readonly options: CallOptions;
  readonly lines: AnswerLine[];
  resolve(lines: AnswerLine[]): void;
  reject(error: unknown): void;
}

export class MachineShell {
  readonly nonce: string;
  readonly #mark = `windrow-${randomBytes(12).toString('hex')}`;
  readonly #child: ChildProcess;
  readonly #ended: Promise<ShellEnd>;
  readonly #onErrorLine: ((line: string) => void) | undefined;
  #call: Call | null = null;
  #over: ShellEnd | null = null;
  #ready = false;
  #givenUp: ShellEnd['givenUp'] = null;
  #silence: NodeJS.Timeout | undefined;
  #errors: string[] = [];
  #other: string[] = [];

  /**
   * Connects. Rejects with ShellEnded.
   * @param onErrorLine lines on standard error, of ssh and of what runs there
   * @param signal gives up connecting
   */
  static async open(
    machine: Machine,
    options: SshOptions,
    onErrorLine?: (line: string) => void,
    signal?: AbortSignal,
  ): Promise<MachineShell> {
    const shell = new MachineShell(machine, options, onErrorLine);
    const giveUp = () => shell.kill();
    signal?.addEventListener('abort', giveUp);
    try {
      await shell.#greet(options);
    } finally {
      signal?.removeEventListener('abort', giveUp);
    }
    return shell;
  }

  async #greet({ connectTimeoutMs }: SshOptions): Promise<void> {
    const script = readFileSync(SCRIPT);
    const hello = Buffer.from(`${this.#mark}\n${this.nonce}\n${script.length}\n`);
    const silenceMs = connectTimeoutMs + LOGIN_MS;
    await this.#begin(Buffer.concat([hello, script]), { silenceMs });
  }

  private constructor(
    machine: Machine,
    options: SshOptions,
    onErrorLine: ((line: string) => void) | undefined,
  ) {
    this.nonce = randomBytes(8).toString('hex');
    this.#onErrorLine = onErrorLine;
    const [program = '', ...words] = sshArgv(machine, options, BOOTSTRAP);
    this.#child = spawn(program, words, {
      env: sshEnvironment(options),
      // Without a terminal nothing can be asked, and Ctrl-C is for us to act on.
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#child.stdin!.on('error', () => {}); // its end tells
    this.#ended = this.#watch();
  }

  /** Says a verb with its arguments, waits for the whole answer. Rejects with ShellEnded. */
  async call(
    verb: string,
    words: readonly string[] = [],
    options: CallOptions = {},
  ): Promise<AnswerLine[]> {
    const lines = [verb, ...words];
    if (lines.some((line) => /[\n\0]/.test(line))) throw new RangeError('a line holds a line end');
    return await this.#begin(Buffer.from(`${lines.join('\n')}\n`), options);
  }

  /** Ends the conversation; what was started in the background there goes on. Never rejects. */
  async close(): Promise<void> {
    this.#child.stdin!.end();
    const timer = setTimeout(() => this.#giveUp('closed'), CLOSING_MS);
    await this.#ended;
    clearTimeout(timer);
  }

  /** Ends it at once. */
  kill(): void {
    this.#giveUp('closed');
  }

  #begin(bytes: Buffer, options: CallOptions): Promise<AnswerLine[]> {
    return new Promise((resolve, reject) => {
      if (this.#over) return reject(new ShellEnded(this.#over));
      this.#call = { options, lines: [], resolve, reject };
      this.#waitForSign();
      this.#child.stdin!.write(bytes);
    });
  }

  #waitForSign(): void {
    clearTimeout(this.#silence);
    const { silenceMs = SILENCE_MS } = this.#call?.options ?? {};
    if (!this.#call || silenceMs === 0) return;
    this.#silence = setTimeout(() => this.#giveUp('silent'), silenceMs);
  }

  #giveUp(why: ShellEnd['givenUp']): void {
    this.#givenUp ??= why;
    killGroup(this.#child);
  }

  #onLine(line: string): void {
    if (this.#givenUp) return;
    this.#waitForSign();
    const at = line.indexOf(this.#mark);
    if (at < 0) return this.#onOther(line);
    if (at > 0) this.#onOther(line.slice(0, at));
    const said = line.slice(at + this.#mark.length + 1);
    const blank = said.indexOf(' ');
    const word = blank < 0 ? said : said.slice(0, blank);
    const text = blank < 0 ? '' : said.slice(blank + 1);
    if (word === 'send') void this.#sendBody();
    else if (word === 'done' || word === 'ready') this.#answered();
    else this.#call?.lines.push({ word, text });
  }

  #onOther(line: string): void {
    const handler = this.#call?.options.onOutput;
    if (handler) handler(line);
    else this.#other = [...this.#other, line].slice(-KEPT_LINES);
  }

  #answered(): void {
    this.#ready = true;
    clearTimeout(this.#silence);
    const call = this.#call;
    this.#call = null;
    call?.resolve(call.lines);
  }

  async #sendBody(): Promise<void> {
    const stdin = this.#child.stdin!;
    const call = this.#call;
    try {
      for await (const piece of call?.options.body?.() ?? []) {
        if (stdin.destroyed || this.#call !== call) return;
        if (!stdin.write(piece)) await this.#drained();
        this.#waitForSign();
      }
    } catch (error) {
      this.#call = null;
      this.#giveUp('closed');
      call?.reject(error);
    }
  }

  #drained(): Promise<void> {
    const stdin = this.#child.stdin!;
    return new Promise((resolve) => {
      const go = () => {
        stdin.off('drain', go).off('close', go);
        resolve();
      };
      stdin.once('drain', go).once('close', go);
    });
  }

  #watch(): Promise<ShellEnd> {
    const child = this.#child;
    const said = new LineSplitter((line) => this.#onLine(line));
    const errors = new LineSplitter((line) => {
      this.#errors = [...this.#errors, line].slice(-KEPT_LINES);
      this.#onErrorLine?.(line);
    });
    child.stdout!.on('data', (bytes: Buffer) => said.push(bytes));
    child.stderr!.on('data', (bytes: Buffer) => errors.push(bytes));
    return new Promise((resolve) => {
      const end = (exitCode: number | null, notStarted: string | null) => {
        said.end();
        errors.end();
        resolve(this.#end(exitCode, notStarted));
      };
      child.once('error', (error: NodeJS.ErrnoException) => {
        if (child.pid === undefined) end(null, error.code ?? error.message);
      });
      child.once('close', (code) => end(code, null));
    });
  }

  #end(exitCode: number | null, notStarted: string | null): ShellEnd {
    clearTimeout(this.#silence);
    const end: ShellEnd = {
      wasReady: this.#ready,
      exitCode,
      givenUp: this.#givenUp,
      errors: this.#errors,
      other: this.#other,
      notStarted,
    };
    this.#over = end;
    this.#call?.reject(new ShellEnded(end));
    this.#call = null;
    return end;
  }
}

/** ssh, and those that it jumps over hosts with. */
function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

/** The text behind the first line with that word, or undefined. */
export function textOf(lines: readonly AnswerLine[], word: string): string | undefined {
  return lines.find((line) => line.word === word)?.text;
}
