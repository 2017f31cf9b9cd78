/**
 * Follows the processes of batch jobs from outside, without the batch system's help: events of the
 * kernel by way of the launcher, and a look at /proc now and then that finds what events did not tell.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { type Clock, messageOf } from '#base';
import { sandboxErrors } from '../errors.ts';
import { LineCutter } from '../line-cutter.ts';
import { findLauncher } from '../open-starter.ts';
import { listThreads, processUnits, readProcess, readProcessTable } from '../process-table.ts';
import { sendSignal } from '../process-tree.ts';
import { readEvent } from './events.ts';
import { JobTree, type JobTreeOptions, type Member, type Notice } from './job-tree.ts';

export interface ProcwatchOptions extends Omit<JobTreeOptions, 'mostMembers'> {
  /** End what was left behind instead of only telling of it. */
  readonly kill: boolean;
  readonly clock: Clock;
  /** Between two looks at /proc. */
  readonly lookEveryMs: number;
  /** Told of everything that was noticed, in order. */
  onNotice(notice: Noticed): void;
  /** Prints events as `launcher events` does. */
  readonly source: readonly [string, ...string[]];
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

/** The source of events of this machine. Throws PROCWATCH_NO_LAUNCHER or PROCWATCH_NOT_ALLOWED. */
export function eventSource(): readonly [string, ...string[]] {
  const launcher = findLauncher();
  if (launcher === null) throw sandboxErrors.create('PROCWATCH_NO_LAUNCHER');
  if (process.getuid?.() !== 0) throw sandboxErrors.create('PROCWATCH_NOT_ALLOWED');
  return [launcher, 'events'];
}

/**
 * Watches until `signal` is aborted. Rejects with PROCWATCH_ENDED when events stop coming. Either
 * way nothing of it runs any more.
 */
export async function watchProcesses(
  options: ProcwatchOptions,
  signal: AbortSignal,
): Promise<void> {
  const [file, ...args] = options.source;
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
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
    // Its first line: from now on events come.
    if (this.#looks === 0) {
      this.#look();
      this.#options.onNotice({ kind: 'watching', jobs: this.#tree.jobs.size });
    }
    const event = readEvent(line);
    if (event === null) return;
    if (event.kind === 'exit' && this.#tree.member(event.pid) && hasLiveThread(event.pid)) {
      return this.#tree.linger(event.pid);
    }
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
    for (const { pid } of this.#tree.lingering()) {
      if (hasLiveThread(pid)) continue;
      for (const notice of this.#tree.apply({ kind: 'exit', pid, status: 0 }, nowMs))
        onNotice(notice);
    }
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

/** Of a process whose first thread has ended; all of them end one after the other when it is killed. */
function hasLiveThread(pid: number): boolean {
  return listThreads(pid).some((thread) => {
    const state = readProcess(pid, thread)?.state;
    return thread !== pid && state !== undefined && state !== 'Z' && state !== 'X';
  });
}

/** A number that means another process by now is nobody's to kill. */
function isStill({ pid, startTicks }: Member): boolean {
  const row = readProcess(pid);
  return row !== null && row.startTicks === startTicks;
}

/** proc_uptime(5), of the clock that start times are told in. */
function uptimeMs(): number {
  return Number(readFileSync('/proc/uptime', 'latin1').split(' ', 1)[0]) * 1000;
}
