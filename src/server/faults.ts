/**
 * What is wrong with Windrow itself, for whoever watches the site: raised when it begins, and over
 * when it is. Looked at every few seconds rather than told by those who fail, so that nothing that
 * fails can forget to say when it is well again.
 */
import { BLAME, type Cause, TaskState, type TrapCategory } from '#model';
import type { Core, Job, Worker } from './core.ts';

export interface Fault {
  /** Names it on its node. */
  readonly condition: string;
  /** `''`: the machine of the server. */
  readonly node: string;
  readonly category: TrapCategory;
  readonly message: string;
}

export type FaultNews =
  | { readonly kind: 'begun'; readonly fault: Fault }
  | { readonly kind: 'over'; readonly fault: Pick<Fault, 'condition' | 'node'> };

const CRITICAL: TrapCategory = 2;
const WARNING: TrapCategory = 1;
/** Told to stop this long ago, and still there: it cannot be killed. */
const UNKILLABLE_MS = 60_000;
/** A machine that damaged no more stored files for so long may be well. */
const DAMAGE_MS = 3_600_000;
/** What an earlier life told of a machine holds for so long, unless the machine is heard of. */
const UNHEARD_MS = 3_600_000;
/** Of so many attempts within the window more than half must have failed. */
const WINDOW_MS = 60_000;
const FAILURES_LEAST = 20;

export class FaultWatch {
  readonly #core: Core;
  readonly #begunMs: number;
  readonly #told = new Map<string, Fault | null>();
  readonly #failures = new FailureRates();
  /** When a cancelled attempt was first seen to be held still. */
  readonly #cancelledMs = new Map<string, number>();

  /** @param told what an earlier life told of and did not end */
  constructor(core: Core, told: readonly Pick<Fault, 'condition' | 'node'>[]) {
    this.#core = core;
    this.#begunMs = core.clock.monotonic();
    for (const fault of told) this.#told.set(keyOf(fault), null);
  }

  /** What began and what is over since the last look. */
  look(): FaultNews[] {
    const present = new Map(this.#present().map((fault) => [keyOf(fault), fault]));
    const news: FaultNews[] = [];
    for (const [key, told] of this.#told) {
      const [node = '', condition = ''] = key.split('\0');
      if (present.has(key) || (told === null && this.#isUnheard(node))) continue;
      this.#told.delete(key);
      news.push({ kind: 'over', fault: told ?? { node, condition } });
    }
    for (const [key, fault] of present) {
      const told = this.#told.get(key);
      this.#told.set(key, fault);
      const isSame = told?.category === fault.category && told.message === fault.message;
      if (!isSame) news.push({ kind: 'begun', fault });
    }
    return news;
  }

  /** That this life knows nothing of it does not make it well. */
  #isUnheard(node: string): boolean {
    const { clock, workers } = this.#core;
    if (node === '' || clock.monotonic() - this.#begunMs > UNHEARD_MS) return false;
    return [...workers.values()].every(({ name }) => name !== node);
  }

  #present(): Fault[] {
    const core = this.#core;
    const workers = [...core.workers.values()].filter(({ kind }) => kind === 'sync');
    return [
      ...serverFaults(core),
      ...damageFaults(core),
      ...workers.flatMap((worker) => workerFaults(worker, workers)),
      ...this.#unkillable(workers),
      ...[...core.jobs.values()].flatMap((job) => this.#jobFaults(job)),
    ];
  }

  #jobFaults(job: Job): Fault[] {
    const named = `job ${job.id} ${job.spec.name}`;
    const faults: Fault[] = [];
    const add = (what: string, category: TrapCategory, message: string) =>
      faults.push({ condition: `job ${job.id} ${what}`, node: '', category, message });
    if (job.state === 'paused' && job.stateActor === 'server') {
      add('paused', CRITICAL, `${named} was paused: ${job.stateReason}`);
    }
    if (job.collectionError !== null && job.state !== 'removed') {
      const why = job.collectionError instanceof Error ? job.collectionError.message : 'it failed';
      add('output', CRITICAL, `the results of ${named} could not be written: ${why}`);
    }
    if (this.#failures.isFailing(job, this.#core)) {
      add('failing', WARNING, `${named}: most of its attempts fail`);
    }
    return faults;
  }

  /** Programs that SIGKILL did not end, and attempts that were to be stopped and are held still. */
  #unkillable(workers: readonly Worker[]): Fault[] {
    const nowMs = this.#core.clock.monotonic();
    const seen = new Set<string>();
    const faults: Fault[] = [];
    for (const worker of workers) {
      if (worker.state === 'lost') continue;
      let count = 0;
      for (const ticket of worker.cancels.keys()) {
        const key = `${worker.id} ${ticket}`;
        seen.add(key);
        const sinceMs = this.#cancelledMs.get(key) ?? nowMs;
        this.#cancelledMs.set(key, sinceMs);
        if (nowMs - sinceMs >= UNKILLABLE_MS && worker.leases.has(ticket)) count++;
      }
      if (count === 0 && !worker.machine?.unkillable) continue;
      const message = `${worker.name} cannot end programs that it was told to stop: their slots are out of service`;
      faults.push({ condition: 'unkillable', node: worker.name, category: CRITICAL, message });
    }
    for (const key of this.#cancelledMs.keys()) if (!seen.has(key)) this.#cancelledMs.delete(key);
    return faults;
  }
}

function keyOf({ node, condition }: Pick<Fault, 'condition' | 'node'>): string {
  return `${node}\0${condition}`;
}

/** Messages have no figures that change while the fault lasts: each change would be told. */
function serverFaults({ diskLow, tracesLow, commit }: Core): Fault[] {
  const faults: Fault[] = [];
  const add = (condition: string, message: string) =>
    faults.push({ condition, node: '', category: CRITICAL, message });
  if (diskLow !== null) add('disk', 'the disk is nearly full: no work is handed out');
  if (tracesLow !== null) {
    add('trace disk', 'the disk of the trace store is nearly full: traces may find no room');
  }
  if (commit.stalled !== null) add('store', 'the disk is full: nothing can be acknowledged');
  return faults;
}

/** Files are fetched again by themselves; but a disk that damages one seldom stops there. */
function damageFaults({ damages, clock }: Core): Fault[] {
  const faults: Fault[] = [];
  for (const [node, { key, reason, atMs }] of damages) {
    if (clock.monotonic() - atMs > DAMAGE_MS) damages.delete(node);
    const message = `a stored file was damaged on the disk and set aside: ${key} (${reason})`;
    faults.push({ condition: 'data damaged', node, category: WARNING, message });
  }
  return faults;
}

function workerFaults(worker: Worker, all: readonly Worker[]): Fault[] {
  const { name, state, stateReason, stateActor, draining } = worker;
  const node = name;
  if (state === 'paused' && stateActor === 'server') {
    const message = `worker ${name} gets no work for a while: its attempts fail by the machine's fault`;
    return [{ condition: 'worker paused', node, category: WARNING, message }];
  }
  // One that was asked to end, or that another of its name has followed, is not missed.
  const isFollowed = all.some((other) => other.name === name && other.state !== 'lost');
  if (state !== 'lost' || draining || isFollowed) return [];
  const message = `worker ${name} is lost: ${stateReason}`;
  return [{ condition: 'worker lost', node, category: CRITICAL, message }];
}

interface Counted {
  readonly atMs: number;
  readonly ok: number;
  readonly failed: number;
}

/** How attempts of jobs ended within the last minute, from their totals now and then. */
class FailureRates {
  readonly #counted = new Map<number, Counted[]>();

  /** Also of a job that failed as a whole before anybody could look at it amid its failing. */
  isFailing(job: Job, core: Core): boolean {
    if (!core.active.has(job.id)) {
      this.#counted.delete(job.id);
      return hasJustFailed(job, core.clock.now());
    }
    const now = countOf(job, core.clock.monotonic());
    const isYoung = core.clock.now() - job.submittedAtMs <= WINDOW_MS;
    const begin = isYoung ? [{ atMs: now.atMs, ok: 0, failed: 0 }] : [];
    const known = this.#counted.get(job.id) ?? begin;
    const recent = known.filter(({ atMs }) => now.atMs - atMs <= WINDOW_MS);
    this.#counted.set(job.id, [...recent, now]);
    const first = recent[0] ?? now;
    return areMost(now.failed - first.failed, now.ok - first.ok);
  }
}

/** Failures that are nobody's fault, as of copies that came too late, do not count. */
function countOf(job: Job, atMs: number): Counted {
  let failed = 0;
  for (const [cause, count] of Object.entries(job.statistics.causes) as [Cause, number][]) {
    if (cause !== 'ok' && BLAME[cause] !== 'none') failed += count;
  }
  return { atMs, ok: job.statistics.causes.ok ?? 0, failed };
}

function hasJustFailed(job: Job, nowMs: number): boolean {
  if (job.state !== 'failed' || nowMs - job.stateAtMs > WINDOW_MS) return false;
  const failed = job.tasks.count(TaskState.failed) + job.tasks.count(TaskState.held);
  return areMost(failed, job.tasks.rows - failed);
}

function areMost(failures: number, others: number): boolean {
  return failures >= FAILURES_LEAST && failures > others;
}
