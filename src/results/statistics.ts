import {
  type AttemptRecord,
  type Cause,
  type Level,
  levelOf,
  type NetworkBytes,
  type TaskIndex,
  type Ticket,
  type Usage,
} from '#model';
import { type EndsJson, EndsOverTime } from './ends-over-time.ts';
import { Percentiles, type PercentilesJson, type PercentilesSummary } from './percentiles.ts';

/** Workers and signatures beyond these are counted under one name: a job may meet any number. */
const MAX_WORKERS = 100_000;
const MAX_SIGNATURES = 1000;
/** The median is looked at anew when so many more attempts have ended, as a share of all. */
const MEDIAN_KEEPS = 50;
/** Sites may have scripts with names of their own on each machine. */
const MAX_NETWORK_FIGURES = 200;
const OTHERS = '(others)';

export type CauseCounts = Partial<Record<Cause, number>>;

/** What one worker did for the job. */
export interface WorkerTotals {
  readonly worker: string;
  /** Attempts whose results count. */
  readonly done: number;
  readonly attempts: number;
  readonly failures: CauseCounts;
  /** Sum of wall times. */
  readonly busyMs: number;
  /** Sum of the CPU times that were measured. */
  readonly cpuMs: number;
}

/** Tasks that failed for good in one way. */
export interface FailureTotals {
  readonly signature: string;
  readonly cause: Cause;
  readonly tasks: number;
  readonly example: { readonly task: TaskIndex; readonly ticket: Ticket; readonly reason: string };
}

/** Over all attempts; null where none was measured. */
export interface UsageTotals {
  readonly ioReadBytes: number | null;
  readonly ioWriteBytes: number | null;
  readonly contextSwitches: number | null;
  /** The largest of any attempt, as that of memory. */
  readonly tasksPeak: number | null;
  readonly diskPeakBytes: number | null;
  /** User and system together, of all attempts, also of those that failed. */
  readonly cpuMs: number | null;
  /** Peak times wall time. */
  readonly memoryGibHours: number | null;
  /** Bytes by what counted them. */
  readonly network: NetworkBytes | null;
  /** Attempts whose traffic was counted. */
  readonly networkAttempts: number;
  /** Attempts by the walls that were wanted and the level that they had. */
  readonly walls: readonly WallTotals[];
}

export interface WallTotals {
  /** A level; `listed` where walls were named one by one. */
  readonly wanted: Level | 'listed';
  readonly had: Level;
  readonly attempts: number;
}

const NO_TOTALS: Omit<UsageTotals, 'walls'> = {
  ioReadBytes: null,
  ioWriteBytes: null,
  contextSwitches: null,
  tasksPeak: null,
  diskPeakBytes: null,
  cpuMs: null,
  memoryGibHours: null,
  network: null,
  networkAttempts: 0,
};

type Changing<T> = { -readonly [Key in keyof T]: T[Key] };

export interface JobStatisticsJson {
  readonly version: 1;
  readonly attempts: number;
  readonly causes: CauseCounts;
  readonly reused: number;
  readonly memoryPeakBytes: number | null;
  /** Older versions kept none, or not all. */
  readonly totals?: Partial<UsageTotals>;
  /** As `totals`. */
  readonly ends?: EndsJson | null;
  readonly wall: PercentilesJson;
  readonly cpu: PercentilesJson;
  readonly workers: readonly WorkerTotals[];
  readonly failures: readonly FailureTotals[];
}

/**
 * A job's statistics, folded attempt by attempt, in memory that does not grow with its tasks.
 * Replaying the attempts after one was kept as JSON gives the same as never having stopped.
 */
export class JobStatistics {
  #attempts = 0;
  #reused = 0;
  #memoryPeakBytes: number | null = null;
  readonly #totals: Changing<Omit<UsageTotals, 'walls'>> = { ...NO_TOTALS };
  readonly #walls: Changing<WallTotals>[] = [];
  #causes: CauseCounts = {};
  #ends = new EndsOverTime();
  #wall = new Percentiles();
  #median: { count: number; ms: number | null } = { count: 0, ms: null };
  #cpu = new Percentiles();
  readonly #workers = new Map<string, Changing<WorkerTotals>>();
  readonly #failures = new Map<string, Changing<FailureTotals>>();

  /** From the text that `JSON.stringify` made of one. */
  static fromJSON(text: string): JobStatistics {
    const json = JSON.parse(text) as JobStatisticsJson;
    const made = new JobStatistics();
    made.#attempts = json.attempts;
    made.#reused = json.reused;
    made.#memoryPeakBytes = json.memoryPeakBytes;
    const { walls = [], ...totals } = json.totals ?? {};
    Object.assign(made.#totals, totals);
    made.#walls.push(...walls);
    made.#causes = { ...json.causes };
    made.#ends = EndsOverTime.fromJSON(json.ends);
    made.#wall = Percentiles.fromJSON(json.wall);
    made.#cpu = Percentiles.fromJSON(json.cpu);
    for (const totals of json.workers) {
      made.#workers.set(totals.worker, { ...totals, failures: { ...totals.failures } });
    }
    for (const group of json.failures) made.#failures.set(group.signature, { ...group });
    return made;
  }

  toJSON(): JobStatisticsJson {
    return {
      version: 1,
      attempts: this.#attempts,
      causes: this.#causes,
      reused: this.#reused,
      memoryPeakBytes: this.#memoryPeakBytes,
      totals: this.totals,
      ends: this.#ends.toJSON(),
      wall: this.#wall.toJSON(),
      cpu: this.#cpu.toJSON(),
      workers: [...this.#workers.values()],
      failures: [...this.#failures.values()],
    };
  }

  /** Counts an ended attempt. Results taken over from an earlier job are no attempt of this one. */
  add(record: AttemptRecord): void {
    if (record.reusedFrom !== null) {
      this.#reused++;
      return;
    }
    const { cause, usage } = record;
    const good = cause === 'ok';
    this.#attempts++;
    count(this.#causes, cause, 1);
    this.#ends.add(record.endedAtMs, cause);
    const cpuMs = cpuOf(record);
    this.#addWorker(record.worker, cause, usage.wallMs, cpuMs ?? 0);
    this.#memoryPeakBytes = larger(this.#memoryPeakBytes, usage.memoryPeakBytes);
    this.#addTotals(record, cpuMs);
    if (!good) return;
    this.#wall.add(usage.wallMs);
    if (cpuMs !== null) this.#cpu.add(cpuMs);
  }

  /** In place: an object for each attempt costs more than the sums. */
  #addTotals(record: AttemptRecord, cpuMs: number | null): void {
    const totals = this.#totals;
    const { usage } = record;
    totals.ioReadBytes = sum(totals.ioReadBytes, usage.ioReadBytes);
    totals.ioWriteBytes = sum(totals.ioWriteBytes, usage.ioWriteBytes);
    totals.contextSwitches = sum(totals.contextSwitches, usage.contextSwitches);
    totals.tasksPeak = larger(totals.tasksPeak, usage.tasksPeak);
    totals.diskPeakBytes = larger(totals.diskPeakBytes, usage.diskBytes);
    totals.cpuMs = sum(totals.cpuMs, cpuMs);
    totals.memoryGibHours = sum(totals.memoryGibHours, memoryGibHoursOf(usage));
    addWalls(this.#walls, record);
    if (usage.network === null) return;
    totals.network = addNetwork(totals.network, usage.network);
    totals.networkAttempts++;
  }

  #addWorker(name: string, cause: Cause, wallMs: number, cpuMs: number): void {
    const totals = this.#totalsOf(name);
    totals.attempts++;
    totals.busyMs += Math.max(0, wallMs);
    totals.cpuMs += Math.max(0, cpuMs);
    if (cause === 'ok') totals.done++;
    else count(totals.failures, cause, 1);
  }

  #totalsOf(name: string): Changing<WorkerTotals> {
    const known = this.#workers.get(name);
    if (known) return known;
    const worker = this.#workers.size < MAX_WORKERS ? name : OTHERS;
    const made = { worker, done: 0, attempts: 0, failures: {}, busyMs: 0, cpuMs: 0 };
    const totals = this.#workers.get(worker) ?? made;
    this.#workers.set(worker, totals);
    return totals;
  }

  /** Takes back an end that turned out not to be one, e.g. of a lost worker that came back. */
  forget(cause: Cause, worker: string, wallMs: number): void {
    this.#attempts--;
    count(this.#causes, cause, -1);
    const totals = this.#workers.get(worker) ?? this.#workers.get(OTHERS);
    if (!totals) return;
    totals.attempts--;
    totals.busyMs = Math.max(0, totals.busyMs - wallMs);
    if (cause === 'ok') totals.done--;
    else count(totals.failures, cause, -1);
  }

  /** The task has failed for good with this attempt. */
  taskFailed(record: AttemptRecord): void {
    const { signature, cause, task, ticket, reason } = record;
    const room = this.#failures.size < MAX_SIGNATURES || this.#failures.has(signature);
    const name = room ? signature : OTHERS;
    const group = this.#failures.get(name);
    if (group) group.tasks++;
    else
      this.#failures.set(name, {
        signature: name,
        cause,
        tasks: 1,
        example: { task, ticket, reason },
      });
  }

  /** A failed task is tried again: it leaves its group. */
  taskRevived(signature: string): void {
    const group = this.#failures.get(signature) ?? this.#failures.get(OTHERS);
    if (!group) return;
    group.tasks--;
    if (group.tasks <= 0) this.#failures.delete(group.signature);
  }

  get attempts(): number {
    return this.#attempts;
  }

  get reused(): number {
    return this.#reused;
  }

  get causes(): Readonly<CauseCounts> {
    return this.#causes;
  }

  /** The largest of any attempt; null when none was measured. */
  get memoryPeakBytes(): number | null {
    return this.#memoryPeakBytes;
  }

  /** Null before the first. */
  get ends(): EndsJson | null {
    return this.#ends.toJSON();
  }

  get totals(): UsageTotals {
    return { ...this.#totals, walls: this.#walls.map((one) => ({ ...one })) };
  }

  /** Sum of all attempts' wall times. */
  get busyMs(): number {
    let sum = 0;
    for (const { busyMs } of this.#workers.values()) sum += busyMs;
    return sum;
  }

  /** Of good attempts; null when there is none. Asked all the time, so it is as of a while ago. */
  medianWallMs(): number | null {
    const { count } = this.#wall;
    if (count - this.#median.count > this.#median.count / MEDIAN_KEEPS) {
      this.#median = { count, ms: this.#wall.quantiles([0.5])[0]! };
    }
    return this.#median.ms;
  }

  /** Wall times of good attempts. */
  wall(): PercentilesSummary | null {
    return this.#wall.summary();
  }

  /** CPU times, user and system together, of good attempts that were measured. */
  cpu(): PercentilesSummary | null {
    return this.#cpu.summary();
  }

  /** Those that did most first, at most `limit`. */
  workers(limit: number): WorkerTotals[] {
    const byAttempts = (a: WorkerTotals, b: WorkerTotals) => b.attempts - a.attempts;
    return [...this.#workers.values()].sort(byAttempts).slice(0, limit);
  }

  get workerCount(): number {
    return this.#workers.size;
  }

  /** The largest groups first, at most `limit`. */
  failures(limit: number): FailureTotals[] {
    const byTasks = (a: FailureTotals, b: FailureTotals) => b.tasks - a.tasks;
    return [...this.#failures.values()].sort(byTasks).slice(0, limit);
  }

  get failureCount(): number {
    return this.#failures.size;
  }
}

function count(counts: CauseCounts, cause: Cause, change: number): void {
  const next = (counts[cause] ?? 0) + change;
  if (next > 0) counts[cause] = next;
  else delete counts[cause];
}

function larger(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.max(a, b);
}

function sum(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : a + b;
}

const GIB_HOUR = 2 ** 30 * 3_600_000;

function memoryGibHoursOf({ memoryPeakBytes, wallMs }: Usage): number | null {
  return memoryPeakBytes === null ? null : (memoryPeakBytes * wallMs) / GIB_HOUR;
}

function addNetwork(total: NetworkBytes | null, more: NetworkBytes | null): NetworkBytes | null {
  if (total === null || more === null) return total ?? more;
  const added = { ...total };
  for (const [name, bytes] of Object.entries(more)) {
    const known = Object.hasOwn(added, name) ? added[name] : undefined;
    if (known === undefined && Object.keys(added).length >= MAX_NETWORK_FIGURES) continue;
    added[name] = (known ?? 0) + bytes;
  }
  return added;
}

/** Of attempts whose worker was lost nothing is known. */
function addWalls(known: Changing<WallTotals>[], record: AttemptRecord): void {
  if (record.cause === 'worker-lost') return;
  const { walls } = record;
  const wanted =
    walls === null ? 'bare' : typeof walls.wanted === 'string' ? walls.wanted : 'listed';
  const had = walls === null ? 'bare' : levelOf(walls.had);
  const same = known.find((one) => one.wanted === wanted && one.had === had);
  if (same) same.attempts++;
  else known.push({ wanted, had, attempts: 1 });
}

function cpuOf({ usage }: AttemptRecord): number | null {
  const { cpuUserMs, cpuSystemMs } = usage;
  if (cpuUserMs === null && cpuSystemMs === null) return null;
  return (cpuUserMs ?? 0) + (cpuSystemMs ?? 0);
}

/** Busy time over what `slots` offered in `presentMs`; null when nothing was offered. */
export function efficiencyOf(busyMs: number, slots: number, presentMs: number): number | null {
  const offeredMs = slots * presentMs;
  return offeredMs > 0 ? Math.min(1, Math.max(0, busyMs / offeredMs)) : null;
}
