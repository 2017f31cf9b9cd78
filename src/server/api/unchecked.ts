/**
 * Attempts whose program ended well and whose results have no verdict yet, or got none because the
 * validator failed. They stand with their task until they have one; whoever mends a validator looks
 * at what they left.
 */
import { type AttemptRecord, type TaskIndex, TaskState } from '#model';
import type { Store } from '#store';
import type { Job } from '../core.ts';

const PAGE = 10_000;

/** That of a task, or null. */
export async function uncheckedOf(
  store: Store,
  job: Job,
  task: TaskIndex,
): Promise<AttemptRecord | null> {
  if (!mayBeUnchecked(job, task)) return null;
  const note = job.notes.get(task) ?? (await store.note(job.id, task));
  return note?.unchecked ?? null;
}

/** Those of a job, by task; what was not committed yet is not among them. */
export async function* allUnchecked(store: Store, job: Job): AsyncGenerator<AttemptRecord> {
  if (job.spec.validate === null) return;
  for (let from = 0; ; ) {
    const notes = await store.notes(job.id, from, PAGE);
    for (const { task, unchecked } of notes) {
      if (unchecked && mayBeUnchecked(job, task)) yield unchecked;
    }
    if (notes.length < PAGE) return;
    from = notes.at(-1)!.task + 1;
  }
}

function mayBeUnchecked(job: Job, task: TaskIndex): boolean {
  const state = job.tasks.state(task);
  return state === TaskState.checking || state === TaskState.held;
}
