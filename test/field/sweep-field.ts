/**
 * A place where the real executable runs: a directory with its own home, temp directory and state.
 * When it is closed, nothing may be left of what ran in it.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isWorker, processesAtHome, type SeenProcess } from './processes.ts';
import { until } from './until.ts';

const WINDROW = fileURLToPath(new URL('../../bin/windrow', import.meta.url));
/** Compiled code is kept there, as for every user; each start would cost 0.1 s more without. */
const CACHE_HOME = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
const LONGEST_MS = 240_000;
const STACK = /\bat .*:\d+:\d+/;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  stdout(): string;
  stderr(): string;
  /** As a terminal does it: to the whole process group. */
  interrupt(): void;
  kill(): void;
  /** Waits until `look` finds something; fails at once when windrow ends before. */
  until<T>(what: string, look: () => T): Promise<NonNullable<T>>;
}

export interface StartOptions {
  /** Instead of the field's. */
  readonly program?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly stdin?: string | Buffer;
  readonly directory?: string;
}

/** Words before a command by which it runs in other namespaces, with `cwd` as its directory. */
export type EnterPlace = (cwd: string) => readonly string[];

export interface FieldOptions {
  /** Where its directory is made. */
  readonly within?: string;
  /** Words that bring a command elsewhere. */
  readonly enter?: EnterPlace;
  /** How windrow is started; bin/windrow if not given. */
  readonly program?: readonly string[];
  /** In the environment of all that runs here. */
  readonly environment?: Readonly<Record<string, string>>;
}

export class SweepField {
  readonly directory: string;
  readonly home: string;
  readonly #options: FieldOptions;
  readonly #temporary: string;
  readonly #started = new Set<ChildProcess>();

  constructor(options: FieldOptions = {}) {
    this.#options = options;
    this.directory = realpathSync(mkdtempSync(join(options.within ?? tmpdir(), 'windrow-field-')));
    this.home = join(this.directory, 'home');
    this.#temporary = join(this.directory, 'tmp');
    mkdirSync(this.home);
    mkdirSync(this.#temporary);
  }

  path(...parts: string[]): string {
    return join(this.directory, ...parts);
  }

  write(path: string, content: string | Buffer, mode?: number): string {
    const whole = this.path(path);
    mkdirSync(dirname(whole), { recursive: true });
    writeFileSync(whole, content);
    if (mode !== undefined) chmodSync(whole, mode);
    return whole;
  }

  read(path: string): string {
    return readFileSync(this.path(path), 'utf8');
  }

  has(path: string): boolean {
    return existsSync(this.path(path));
  }

  /** Whole lines of a file; none while it does not exist. */
  lines(path: string): string[] {
    if (!this.has(path)) return [];
    return this.read(path).split('\n').slice(0, -1);
  }

  list(path: string): string[] {
    return readdirSync(this.path(path)).sort();
  }

  environment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
    return {
      PATH: process.env.PATH ?? '',
      HOME: this.home,
      TMPDIR: this.#temporary,
      XDG_STATE_HOME: this.path('home', 'state'),
      XDG_CACHE_HOME: CACHE_HOME,
      NO_COLOR: '1',
      ...this.#options.environment,
      ...more,
    };
  }

  start(argv: readonly string[], options: StartOptions = {}): Running {
    const cwd = options.directory ?? this.directory;
    const { enter, program } = this.#options;
    const place = enter?.(cwd) ?? [];
    const [file, ...words] = [...place, ...(options.program ?? program ?? [WINDROW]), ...argv];
    const child = spawn(file!, words, {
      cwd,
      env: this.environment(options.environment),
      detached: true,
      stdio: [options.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    this.#started.add(child);
    const text = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name]!.setEncoding('utf8').on('data', (piece) => {
        text[name] += piece;
      });
    }
    child.stdin?.on('error', () => {}); // it may end without reading
    child.stdin?.end(options.stdin);
    const ended = this.#ended(child, argv, text);
    let isOver = false;
    ended.then(() => (isOver = true)).catch(() => {}); // told to who waits for it
    return {
      until: (what, look) =>
        until(what, () => {
          const found = look();
          if (found || !isOver) return found;
          throw new Error(`windrow ended before ${what}\n${text.stdout}\n${text.stderr}`);
        }),
      pid: child.pid!,
      ended,
      stdout: () => text.stdout,
      stderr: () => text.stderr,
      interrupt: () => process.kill(-child.pid!, 'SIGINT'),
      kill: () => void child.kill('SIGKILL'),
    };
  }

  async #ended(
    child: ChildProcess,
    argv: readonly string[],
    text: { readonly stdout: string; readonly stderr: string },
  ): Promise<Ended> {
    const timer = setTimeout(() => child.kill('SIGKILL'), LONGEST_MS);
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    clearTimeout(timer);
    this.#started.delete(child);
    const { stdout, stderr } = text;
    assert.doesNotMatch(stderr, STACK, `windrow ${argv.join(' ')} shows a stack`);
    return { code, signal, stdout, stderr };
  }

  windrow(...argv: string[]): Promise<Ended> {
    return this.start(argv).ended;
  }

  /** Runs windrow, which must end with `code`. */
  async must(code: number, ...argv: string[]): Promise<Ended> {
    const ended = await this.windrow(...argv);
    const said = `windrow ${argv.join(' ')}\n${ended.stdout}\n${ended.stderr}`;
    assert.equal(ended.code, code, said);
    return ended;
  }

  /** Runs windrow with --json, which must end with 0, and parses what it printed. */
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked at only by tests, which fail on any other shape.
  async json(...argv: string[]): Promise<any> {
    return JSON.parse((await this.must(0, ...argv, '--json')).stdout);
  }

  processes(): SeenProcess[] {
    return processesAtHome(this.home);
  }

  /** The worker of this field's server, or undefined. */
  worker(): SeenProcess | undefined {
    return this.processes().find(isWorker);
  }

  /** Nothing of it is alive any more. */
  async isQuiet(): Promise<void> {
    await until('no process is left', () => this.processes().length === 0).catch(() => {
      const left = this.processes().map(({ pid, argv }) => `${pid} ${argv.join(' ')}`);
      assert.deepEqual(left, [], 'processes are left');
    });
  }

  /** Kills everything that is left, also what began meanwhile; whether there is something is not asked. */
  killAll(): void {
    const killed = new Set<number>();
    for (;;) {
      const left = this.processes().filter(({ pid }) => !killed.has(pid));
      if (left.length === 0) return;
      for (const { pid } of left) {
        killQuietly(pid);
        killed.add(pid);
      }
    }
  }

  remove(): void {
    this.killAll();
    rmSync(this.directory, { recursive: true, force: true });
  }

  temporaryFiles(): string[] {
    return readdirSync(this.#temporary);
  }
}

export function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended since.
  }
}

/** A field for one test, after which no process and no temporary file may be left. */
export async function inField(
  use: (field: SweepField) => Promise<void>,
  options: FieldOptions = {},
): Promise<void> {
  const field = new SweepField(options);
  try {
    await use(field);
    await field.isQuiet();
    assert.deepEqual(field.temporaryFiles(), [], 'temporary files are left');
  } finally {
    field.remove();
  }
}
