/** Good ends wait here for the verdict of the job's validator, which runs in processes of its own. */
import { messageOf } from '#base';
import { type JobId, type TaskIndex, TaskState } from '#model';
import { type Quarantine, type UserCodePorts, Validator, type Verdict } from '#results';
import type { Core, Job } from './core.ts';
import type { Blobs } from './intake/blobs.ts';
import type { Layout } from './layout.ts';
import { onChecked } from './reactor/attempts.ts';
import { placeUserCode, USER_CODE_MEMORY_BYTES } from './user-code.ts';

export interface CheckingParts {
  readonly core: Core;
  readonly layout: Layout;
  readonly blobs: Blobs;
  readonly ports: UserCodePorts;
  /** Checks at the same time for each job. */
  readonly processes: number;
  readonly quarantine: (job: Job) => Quarantine;
}

interface Desk {
  readonly job: Job;
  readonly queue: TaskIndex[];
  readonly validator: Promise<Validator>;
  /** The spec's validator that this desk has open. */
  readonly sha256: string;
  busy: number;
  /** No more checks are expected. */
  isOver: boolean;
}

const VALID = { verdict: 'valid' } as const;

export class Checking {
  readonly #parts: CheckingParts;
  readonly #desks = new Map<JobId, Desk>();
  /** Those of `#desks`, and those that were replaced while checks were under way. */
  readonly #open = new Set<Desk>();
  #closed = false;

  constructor(parts: CheckingParts) {
    this.#parts = parts;
  }

  /** The task's note has the end that is to be checked. */
  check(job: Job, task: TaskIndex): void {
    if (this.#closed) return;
    // The sweep was submitted again without its validator: then a good end is enough.
    if (job.spec.validate === null) return onChecked(this.#parts.core, job, task, VALID);
    const desk = this.#desk(job);
    desk.queue.push(task);
    this.#serve(desk);
  }

  #desk(job: Job): Desk {
    const code = job.spec.validate!;
    const sha256 = code.kind === 'expression' ? code.text : code.sha256;
    const known = this.#desks.get(job.id);
    if (known?.sha256 === sha256) {
      known.isOver = false;
      return known;
    }
    if (known) this.#retire(known);
    const validator = this.#start(job);
    // Its failure is reported as the verdict of each check.
    validator.catch(() => undefined);
    const queue = known?.queue.splice(0) ?? [];
    const desk = { job, queue, validator, sha256, busy: 0, isOver: false };
    this.#desks.set(job.id, desk);
    this.#open.add(desk);
    return desk;
  }

  async #start(job: Job): Promise<Validator> {
    const { blobs, layout, ports, processes } = this.#parts;
    const code = placeUserCode(job.spec.validate!, blobs, layout);
    const { results: sources, validateTimeoutMs: timeoutMs } = job.spec;
    const request = { code, sources, timeoutMs, memoryBytes: USER_CODE_MEMORY_BYTES, processes };
    return Validator.open(request, ports);
  }

  #serve(desk: Desk): void {
    while (desk.busy < this.#parts.processes && desk.queue.length > 0) {
      const task = desk.queue.shift()!;
      desk.busy++;
      void this.#checkOne(desk, task).finally(() => {
        desk.busy--;
        this.#serve(desk);
        this.#closeIfIdle(desk);
      });
    }
  }

  async #checkOne(desk: Desk, task: TaskIndex): Promise<void> {
    const { job } = desk;
    const unchecked = job.notes.get(task)?.unchecked;
    if (!unchecked || job.tasks.state(task) !== TaskState.checking) return;
    const verdict = await this.#verdict(desk, task).catch(
      (error): Verdict => ({ verdict: 'fault', reason: messageOf(error) }),
    );
    if (verdict.verdict === 'stopped' || this.#closed) return;
    onChecked(this.#parts.core, job, task, verdict);
  }

  async #verdict(desk: Desk, task: TaskIndex): Promise<Verdict> {
    const { job } = desk;
    const unchecked = job.notes.get(task)!.unchecked!;
    // What is checked is on disk: a crash in between checks it again.
    await this.#parts.core.commit.durable();
    const validator = await desk.validator;
    const cells = job.rows.row(task);
    const parameters = Object.fromEntries(job.columns.map((column, i) => [column, cells[i]!]));
    const { ticket } = unchecked;
    const record = await job.results.read(unchecked.place!);
    const verdict = await validator.check({ task, ticket, parameters, record });
    if (verdict.verdict === 'invalid' && !this.#closed) {
      await this.#parts
        .quarantine(job)
        .add({ task, ticket, parameters, record, reason: verdict.reason });
    }
    return verdict;
  }

  /** The job is over: its processes end with the checks that are under way. */
  finish(job: Job): void {
    const desk = this.#desks.get(job.id);
    if (desk) this.#retire(desk);
  }

  /** Its last check may be the one that ended the job, and is not through yet. */
  #retire(desk: Desk): void {
    desk.isOver = true;
    this.#closeIfIdle(desk);
  }

  #closeIfIdle(desk: Desk): void {
    if (!desk.isOver || this.#closed || desk.busy > 0 || desk.queue.length > 0) return;
    const { job } = desk;
    if (this.#desks.get(job.id) === desk) this.#desks.delete(job.id);
    void this.#close(desk);
  }

  async #close(desk: Desk): Promise<void> {
    this.#open.delete(desk);
    await desk.validator.then((validator) => validator.close()).catch(() => undefined);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#desks.clear();
    await Promise.all([...this.#open].map((desk) => this.#close(desk)));
  }
}
