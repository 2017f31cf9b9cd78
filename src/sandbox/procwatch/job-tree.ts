/**
 * The processes of batch jobs, from events as they come and from looks at /proc. A job is what a
 * child of a batch system's daemon begins: the child is its root, and everything that descends from
 * it belongs to the job, whatever sessions, groups or parents it gives itself. When the root has
 * ended, what is left of the job was left behind.
 *
 *   root forked → running → root (or its daemon) ended → left behind, if anything is → empty, forgotten
 *
 * Nothing here does input or output; what was noticed is returned.
 */
import type { ProcessRow } from '../process-table.ts';
import type { ProcessEvent } from './events.ts';

export interface Job {
  /** Pid of the root. */
  readonly root: number;
  /** Name and pid of the daemon that began it. */
  readonly daemon: string;
  readonly daemonPid: number;
  readonly sinceMs: number;
  /** Its root has become a program: until then it may be a helper that the daemon forked. */
  hasBegun: boolean;
  /** When its root ended; null while it runs. */
  endedMs: number | null;
  readonly members: Set<number>;
}

export interface Member {
  readonly pid: number;
  readonly job: Job;
  parent: number;
  command: string;
  /** Clock ticks since the machine started; null until a look at /proc has found it. */
  startTicks: number | null;
  /** Its parent ended before it: it belongs to init now, or to whoever adopts. */
  isDaemon: boolean;
  isTold: boolean;
  /** The last look at /proc did not find it; its end may be on the way. */
  isMissing: boolean;
  /** Its first thread has ended, others live on. */
  isLingering: boolean;
}

export type Notice =
  | { readonly kind: 'begun'; readonly job: Job; readonly command: string }
  | {
      readonly kind: 'ended';
      readonly job: Job;
      readonly status: number | null;
      readonly left: number;
    }
  | { readonly kind: 'daemonised'; readonly member: Member }
  | { readonly kind: 'left-behind'; readonly member: Member }
  /** By the kernel's own word, or because a look at /proc found what no event had told. */
  | {
      readonly kind: 'events-lost';
      readonly how: 'overrun' | 'gap';
      readonly missed: number | null;
    }
  /** More processes than are kept in memory: from now on jobs may have others. */
  | { readonly kind: 'too-many'; readonly most: number };

export interface JobTreeOptions {
  /** Command names of daemons whose children are jobs. */
  readonly daemons: readonly string[];
  /** What is left this long after the end of its job was left behind. */
  readonly graceMs: number;
  readonly mostMembers: number;
}

interface Daemon {
  readonly name: string;
  /** The last look at /proc did not find it. */
  isMissing: boolean;
}

/** A command name has at most 15 bytes, comm(5): longer names of daemons are cut as the kernel does. */
const COMM_BYTES = 15;
/** A process that is younger may have been forked while /proc was being read. */
const SETTLED_MS = 2000;

export class JobTree {
  readonly #options: JobTreeOptions;
  readonly #daemonNames: ReadonlySet<string>;
  readonly #daemons = new Map<number, Daemon>();
  readonly #members = new Map<number, Member>();
  readonly #jobs = new Set<Job>();
  #isFull = false;

  constructor(options: JobTreeOptions) {
    this.#options = options;
    this.#daemonNames = new Set(options.daemons.map((name) => name.slice(0, COMM_BYTES)));
  }

  get jobs(): ReadonlySet<Job> {
    return this.#jobs;
  }

  member(pid: number): Member | undefined {
    return this.#members.get(pid);
  }

  /** An event that has just arrived. `startTicksOf` is asked for children of processes we know. */
  apply(
    event: ProcessEvent,
    nowMs: number,
    startTicksOf: (pid: number) => number | null = () => null,
  ): Notice[] {
    if (event.kind === 'lost') {
      return [{ kind: 'events-lost', how: 'overrun', missed: event.missed }];
    }
    if (event.kind === 'fork') return this.#onFork(event, nowMs, startTicksOf);
    if (event.kind === 'exec') return this.#onExec(event.pid, event.command);
    return this.#onExit(event.pid, event.status, nowMs);
  }

  /** The first thread of a member has ended and others live on: its exit comes by `apply` later. */
  linger(pid: number): void {
    const member = this.#members.get(pid);
    if (member) member.isLingering = true;
  }

  lingering(): Member[] {
    return [...this.#members.values()].filter((member) => member.isLingering);
  }

  /** Left behind for longer than the grace, and not told yet. */
  due(nowMs: number): Notice[] {
    const notices: Notice[] = [];
    for (const job of this.#jobs) {
      if (job.endedMs === null || nowMs - job.endedMs < this.#options.graceMs) continue;
      for (const pid of job.members) {
        const member = this.#members.get(pid)!;
        if (member.isTold) continue;
        member.isTold = true;
        notices.push({ kind: 'left-behind', member });
      }
    }
    return notices;
  }

  /** Everything that is left of jobs that are over and out of their grace. */
  leftBehind(nowMs: number): Member[] {
    return [...this.#jobs]
      .filter(({ endedMs }) => endedMs !== null && nowMs - endedMs >= this.#options.graceMs)
      .flatMap(({ members }) => [...members].map((pid) => this.#members.get(pid)!));
  }

  #onFork(
    { parent, child }: { readonly parent: number; readonly child: number },
    nowMs: number,
    startTicksOf: (pid: number) => number | null,
  ): Notice[] {
    const known = this.#members.get(parent);
    const daemon = this.#daemons.get(parent);
    const startTicks = known || daemon ? startTicksOf(child) : null;
    // A look at /proc may have been quicker than the event.
    if (startTicks !== null && this.#members.get(child)?.startTicks === startTicks) return [];
    this.#forget(child);
    const notices = known
      ? this.#add(known.job, child, parent, known.command)
      : daemon
        ? this.#expect(child, { name: daemon.name, pid: parent }, daemon.name, nowMs)
        : [];
    const member = this.#members.get(child);
    if (member) member.startTicks = startTicks;
    return notices;
  }

  /** A daemon forked: a job, unless it was for itself. */
  #expect(
    root: number,
    daemon: { readonly name: string; readonly pid: number },
    command: string,
    nowMs: number,
  ): Notice[] {
    const job: Job = {
      root,
      daemon: daemon.name,
      daemonPid: daemon.pid,
      sinceMs: nowMs,
      hasBegun: false,
      endedMs: null,
      members: new Set(),
    };
    const notices = this.#add(job, root, daemon.pid, command);
    if (this.#members.has(root)) this.#jobs.add(job);
    return notices;
  }

  #add(job: Job, pid: number, parent: number, command: string): Notice[] {
    const { mostMembers } = this.#options;
    if (this.#members.size >= mostMembers) {
      if (this.#isFull) return [];
      this.#isFull = true;
      return [{ kind: 'too-many', most: mostMembers }];
    }
    const startTicks = null;
    const flags = { isDaemon: false, isTold: false, isMissing: false, isLingering: false };
    const member = { pid, job, parent, command, startTicks, ...flags };
    this.#members.set(pid, member);
    job.members.add(pid);
    return [];
  }

  #onExec(pid: number, command: string): Notice[] {
    const isDaemon = this.#daemonNames.has(command);
    if (isDaemon) this.#daemons.set(pid, { name: command, isMissing: false });
    else this.#daemons.delete(pid);
    const member = this.#members.get(pid);
    if (!member) return [];
    member.command = command;
    const { job } = member;
    if (job.root !== pid || job.hasBegun) return [];
    if (isDaemon) this.#forget(pid);
    else job.hasBegun = true;
    return isDaemon ? [] : [{ kind: 'begun', job, command }];
  }

  #onExit(pid: number, status: number | null, nowMs: number): Notice[] {
    const orphaned = this.#daemons.delete(pid) ? this.#jobsOfDaemon(pid) : [];
    const ends = orphaned.flatMap((job) => this.#end(job, null, nowMs));
    const member = this.#members.get(pid);
    if (!member) return ends;
    const { job } = member;
    this.#forget(pid);
    if (job.root === pid && job.endedMs === null) {
      const isOne = job.hasBegun || job.members.size > 0;
      return isOne ? [...ends, ...this.#end(job, status, nowMs)] : ends;
    }
    return [...ends, ...this.#orphansOf(pid, job)];
  }

  #jobsOfDaemon(pid: number): Job[] {
    return [...this.#jobs].filter((job) => job.daemonPid === pid && job.endedMs === null);
  }

  #end(job: Job, status: number | null, nowMs: number): Notice[] {
    job.endedMs = nowMs;
    return [{ kind: 'ended', job, status, left: job.members.size }];
  }

  #orphansOf(pid: number, job: Job): Notice[] {
    const notices: Notice[] = [];
    for (const other of job.members) {
      const member = this.#members.get(other)!;
      if (member.parent !== pid || member.isDaemon) continue;
      member.isDaemon = true;
      if (job.endedMs === null) notices.push({ kind: 'daemonised', member });
    }
    return notices;
  }

  #forget(pid: number): void {
    const member = this.#members.get(pid);
    if (!member) return;
    this.#members.delete(pid);
    member.job.members.delete(pid);
    if (member.job.members.size === 0 && (member.job.endedMs !== null || member.job.root === pid)) {
      this.#jobs.delete(member.job);
    }
    this.#isFull &&= this.#members.size >= this.#options.mostMembers;
  }

  /**
   * Puts right what events did not tell, from a look at all processes: the first look, where jobs run
   * already, and looks in between. Says how much was missed unless it is the first.
   */
  reconcile(rows: readonly ProcessRow[], look: Look): Notice[] {
    const alive = rows.filter(({ state }) => state !== 'Z' && state !== 'X');
    const living = new Map(alive.map((row) => [row.pid, row]));
    const ends = [...this.#gone(living)].map((pid) => this.#onExit(pid, null, look.nowMs));
    const youngest = look.isFirst ? Infinity : look.ticksNow - SETTLED_MS / look.tickMs;
    // Parents are older than their children.
    const found = alive
      .sort((a, b) => a.startTicks - b.startTicks)
      .filter(({ startTicks }) => startTicks <= youngest)
      .map((row) => this.#adopt(row, look.nowMs))
      .filter((notices) => notices !== null);
    const missed = ends.length + found.length;
    const told = [...ends, ...found].flat();
    return missed === 0 || look.isFirst
      ? told
      : [{ kind: 'events-lost', how: 'gap', missed }, ...told];
  }

  /** Those that two looks in a row did not find: no event of their end can still be on the way. */
  #gone(living: ReadonlyMap<number, ProcessRow>): Set<number> {
    const gone = new Set<number>();
    for (const [pid, daemon] of this.#daemons) {
      if (!living.has(pid) && daemon.isMissing) gone.add(pid);
      daemon.isMissing = !living.has(pid);
    }
    for (const [pid, member] of this.#members) {
      const row = living.get(pid);
      const isThere =
        member.isLingering ||
        (row && (member.startTicks === null || member.startTicks === row.startTicks));
      if (isThere && row) {
        member.startTicks = row.startTicks;
        member.parent = row.parent;
      } else if (!isThere && member.isMissing) gone.add(pid);
      member.isMissing = !isThere;
    }
    return gone;
  }

  /** Null when it was known, or is of no job and no daemon. */
  #adopt(row: ProcessRow, nowMs: number): Notice[] | null {
    if (this.#daemonNames.has(row.name) && !this.#daemons.has(row.pid)) {
      this.#daemons.set(row.pid, { name: row.name, isMissing: false });
    }
    if (this.#members.has(row.pid)) return null;
    const parent = this.#members.get(row.parent);
    const daemon = this.#daemons.get(row.parent);
    if (!parent && (!daemon || this.#daemonNames.has(row.name))) return null;
    const notices = parent
      ? this.#add(parent.job, row.pid, row.parent, row.name)
      : this.#expect(row.pid, { name: daemon!.name, pid: row.parent }, row.name, nowMs);
    const member = this.#members.get(row.pid);
    if (!member) return notices;
    member.startTicks = row.startTicks;
    return [...notices, ...(parent ? [] : this.#onExec(row.pid, row.name))];
  }
}

export interface Look {
  readonly nowMs: number;
  /** Now, in clock ticks since the machine started, and how long one is. */
  readonly ticksNow: number;
  readonly tickMs: number;
  readonly isFirst: boolean;
}
