/**
 * Follows the processes of batch jobs from outside, without the batch system's help: events of the
 * kernel through forkstat, and a look at /proc now and then that finds what events did not tell.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { type Clock, messageOf } from '#base';
import { sandboxErrors } from '../errors.ts';
import { LineCutter } from '../line-cutter.ts';
import { processUnits, readProcess, readProcessTable } from '../process-table.ts';
import { sendSignal } from '../process-tree.ts';
import { findTool } from '../tool.ts';
import { createForkstatReader, FORKSTAT_ARGUMENTS } from './forkstat.ts';
import { JobTree, type JobTreeOptions, type Member, type Notice } from './job-tree.ts';

export interface ProcwatchOptions extends Omit<JobTreeOptions, 'mostMembers'> {
  /** End what was left behind instead of only telling of it. */
  readonly kill: boolean;
  readonly clock: Clock;
  /** Between two looks at /proc. */
  readonly lookEveryMs: number;
  /** Told of everything that was noticed, in order. */
  onNotice(notice: Noticed): void;
  /** Another program in its place, for tests: it prints what forkstat does. */
  readonly forkstat?: readonly [string, ...string[]];
}

export type Noticed =
  | Notice
  /** Events come from now on; so many jobs run already. */
  | { readonly kind: 'watching'; readonly jobs: number }
  | { readonly kind: 'killed'; readonly member: Member }
  /** SIGKILL was sent and did nothing. */
  | { readonly kind: 'stuck'; readonly member: Member; readonly state: string };

const TICK_MS = 250;
/** Looks at once after the kernel's word of lost events, but not for each of a burst. */
const LOOK_AFTER_LOSS_MS = 200;
const STUCK_AFTER_MS = 10_000;
/** Some 200 bytes each. */
const MOST_MEMBERS = 100_000;
const LINE_LIMIT_BYTES = 4096;
const ERRORS_KEPT = 2000;

/**
 * Watches until `signal` is aborted. Rejects with PROCWATCH_NO_FORKSTAT, PROCWATCH_NOT_ALLOWED or
 * PROCWATCH_ENDED; either way forkstat is gone then.
 */
export async function watchProcesses(
  options: ProcwatchOptions,
  signal: AbortSignal,
): Promise<void> {
  const path = findTool('forkstat');
  const argv = options.forkstat ?? (path === null ? null : [path, ...FORKSTAT_ARGUMENTS]);
  if (argv === null) throw sandboxErrors.create('PROCWATCH_NO_FORKSTAT');
  if (!options.forkstat && process.getuid?.() !== 0)
    throw sandboxErrors.create('PROCWATCH_NOT_ALLOWED');
  const [file, ...args] = argv;
  const child = spawn(file!, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const watch = new Watch(options, child);
  const end = () => child.kill('SIGKILL');
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  try {
    await watch.ended();
  } finally {
    signal.removeEventListener('abort', end);
    watch.stop();
  }
  if (!signal.aborted) throw sandboxErrors.create('PROCWATCH_ENDED', { reason: watch.lastWords() });
}

class Watch {
  readonly #options: ProcwatchOptions;
  readonly #child: ChildProcess;
  readonly #tree: JobTree;
  readonly #read = createForkstatReader();
  readonly #killed = new Map<Member, { readonly sinceMs: number; isTold: boolean }>();
  readonly #timers: NodeJS.Timeout[] = [];
  #lookSoon: NodeJS.Timeout | null = null;
  #looks = 0;
  #errors = '';

  constructor(options: ProcwatchOptions, child: ChildProcess) {
    this.#options = options;
    this.#child = child;
    this.#tree = new JobTree({ ...options, mostMembers: MOST_MEMBERS });
    const cutter = new LineCutter(LINE_LIMIT_BYTES, {
      onLine: (line) => this.#onLine(line),
      onTooLong: () => child.kill('SIGKILL'),
    });
    child.stdout!.on('data', (bytes: Buffer) => cutter.push(bytes));
    child.stderr!.setEncoding('latin1').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-ERRORS_KEPT);
    });
    this.#timers.push(setInterval(() => this.#look(), options.lookEveryMs));
    this.#timers.push(setInterval(() => this.#tick(), TICK_MS));
  }

  ended(): Promise<void> {
    return new Promise((resolve) => {
      this.#child.once('error', (error) => {
        this.#errors += messageOf(error);
        resolve();
      });
      this.#child.once('close', () => resolve());
    });
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
    if (this.#lookSoon) clearTimeout(this.#lookSoon);
  }

  lastWords(): string {
    return this.#errors.trim().split('\n').at(-1)?.trim() || 'it said nothing';
  }

  #onLine(line: string): void {
    // Its heading: from now on events come.
    if (this.#looks === 0) {
      this.#look();
      this.#options.onNotice({ kind: 'watching', jobs: this.#tree.jobs.size });
    }
    const event = this.#read(line);
    if (event === null) return;
    const { clock, onNotice } = this.#options;
    const startTicksOf = (pid: number) => readProcess(pid)?.startTicks ?? null;
    for (const notice of this.#tree.apply(event, clock.monotonic(), startTicksOf)) onNotice(notice);
    if (event.kind === 'lost') {
      this.#lookSoon ??= setTimeout(() => {
        this.#lookSoon = null;
        this.#look();
      }, LOOK_AFTER_LOSS_MS);
    }
  }

  #look(): void {
    const { tickMs } = processUnits();
    // What was forked between the first look and the first event is found by the second.
    const look = {
      nowMs: this.#options.clock.monotonic(),
      ticksNow: uptimeMs() / tickMs,
      tickMs,
      isFirst: this.#looks++ < 2,
    };
    for (const notice of this.#tree.reconcile(readProcessTable(), look))
      this.#options.onNotice(notice);
  }

  #tick(): void {
    const { clock, kill, onNotice } = this.#options;
    const nowMs = clock.monotonic();
    for (const notice of this.#tree.due(nowMs)) onNotice(notice);
    if (kill) this.#killLeft(nowMs);
  }

  /** Stopped first, killed second: nobody is left awake to start a replacement for the dead. */
  #killLeft(nowMs: number): void {
    const left = this.#tree.leftBehind(nowMs).filter(isStill);
    for (const { pid } of left) sendSignal(pid, 'SIGSTOP');
    for (const member of left) {
      sendSignal(member.pid, 'SIGKILL');
      this.#noteKill(member, nowMs);
    }
    for (const member of this.#killed.keys()) {
      if (this.#tree.member(member.pid) !== member) this.#killed.delete(member);
    }
  }

  #noteKill(member: Member, nowMs: number): void {
    const earlier = this.#killed.get(member);
    if (!earlier) {
      this.#killed.set(member, { sinceMs: nowMs, isTold: false });
      this.#options.onNotice({ kind: 'killed', member });
    } else if (!earlier.isTold && nowMs - earlier.sinceMs > STUCK_AFTER_MS) {
      earlier.isTold = true;
      const state = readProcess(member.pid)?.state ?? '?';
      this.#options.onNotice({ kind: 'stuck', member, state });
    }
  }
}

/** A number that means another process by now is nobody's to kill. */
function isStill({ pid, startTicks }: Member): boolean {
  const row = readProcess(pid);
  return row !== null && row.state !== 'Z' && row.startTicks === startTicks;
}

/** proc_uptime(5), of the clock that start times are told in. */
function uptimeMs(): number {
  return Number(readFileSync('/proc/uptime', 'latin1').split(' ', 1)[0]) * 1000;
}
