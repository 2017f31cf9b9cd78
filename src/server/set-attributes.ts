/** What programs of tasks that are not over have set in their ads, for policies to look at. */
import { parseExpression } from '#classad';
import type { JobId, SetAttribute, TaskIndex } from '#model';
import type { Store } from '#store';
import type { OwnAttributes } from './ads/facts.ts';
import type { Core, Job } from './core.ts';

/** Of all tasks together, names and expressions: what is beyond is refused. Trees take some tens of bytes for each. */
const MOST_CHARACTERS = 8 << 20;

interface Held extends SetAttribute {
  readonly value: OwnAttributes[number]['value'];
}

export class SetAttributes {
  readonly #jobs = new Map<JobId, Map<TaskIndex, Map<string, Held>>>();
  readonly #most: number;
  #characters = 0;

  constructor(most = MOST_CHARACTERS) {
    this.#most = most;
  }

  /** Null: its programs have set nothing. */
  of(job: JobId, task: TaskIndex): readonly (OwnAttributes[number] & SetAttribute)[] | null {
    const held = this.#jobs.get(job)?.get(task);
    return held ? [...held.values()] : null;
  }

  tasksOf(job: JobId): Iterable<TaskIndex> {
    return this.#jobs.get(job)?.keys() ?? [];
  }

  count(job: JobId, task: TaskIndex): number {
    return this.#jobs.get(job)?.get(task)?.size ?? 0;
  }

  has(job: JobId, task: TaskIndex, name: string): boolean {
    return this.#jobs.get(job)?.get(task)?.has(name.toLowerCase()) ?? false;
  }

  /** False when all tasks together have set too much. Errors: `CLASSAD_SYNTAX_WRONG`. */
  set(job: JobId, task: TaskIndex, attribute: SetAttribute): boolean {
    const lower = attribute.name.toLowerCase();
    const tasks = this.#jobs.get(job) ?? new Map<TaskIndex, Map<string, Held>>();
    const held = tasks.get(task) ?? new Map<string, Held>();
    const grown = this.#characters + sizeOf(attribute) - sizeOf(held.get(lower));
    if (grown > this.#most) return false;
    held.set(lower, { ...attribute, value: parseExpression(attribute.expression) });
    tasks.set(task, held);
    this.#jobs.set(job, tasks);
    this.#characters = grown;
    return true;
  }

  /** The task is done. */
  drop(job: JobId, task: TaskIndex): void {
    const tasks = this.#jobs.get(job);
    const held = tasks?.get(task);
    if (!tasks || !held) return;
    for (const one of held.values()) this.#characters -= sizeOf(one);
    tasks.delete(task);
    if (tasks.size === 0) this.#jobs.delete(job);
  }

  /** The job is over. */
  dropJob(job: JobId): void {
    for (const task of [...(this.#jobs.get(job)?.keys() ?? [])]) this.drop(job, task);
  }
}

function sizeOf(attribute: SetAttribute | undefined): number {
  return attribute ? attribute.name.length + attribute.expression.length : 0;
}

/** Whether anything can be set in the ads of its tasks, by programs or by the server. */
export function mayHaveSet({ spec: { chirp, machineValues } }: Job): boolean {
  return chirp.io || chirp.delayed || machineValues.length > 0;
}

/** Of tasks that go on: after a restart, and when a job that was over is taken up again. */
export async function restoreSet(
  core: Core,
  store: Store,
  job: Job,
  tasks: Iterable<TaskIndex>,
): Promise<void> {
  if (!mayHaveSet(job)) return;
  for (const task of new Set(tasks)) {
    if (core.set.count(job.id, task) > 0) continue;
    for (const one of await store.attributesOf(job.id, task)) core.set.set(job.id, task, one);
  }
}
