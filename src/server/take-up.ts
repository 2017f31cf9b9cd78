/** What must be in memory of a job before its tasks are handed out, and is not kept of one that is over. */
import type { TaskIndex } from '#model';
import type { Store } from '#store';
import type { Core, Job } from './core.ts';
import { rowKindsOf, sortTasks } from './row-kinds.ts';
import { restoreSet } from './set-attributes.ts';

/**
 * @param tasks those that go on, besides those that are noted
 * @throws WindrowError REQUIREMENTS_TOO_VARIED, or why its rows cannot be read
 */
export async function takeUp(
  core: Core,
  store: Store,
  job: Job,
  tasks: Iterable<TaskIndex>,
): Promise<void> {
  await restoreSet(core, store, job, [...job.notes.keys(), ...tasks]);
  if (job.kinds === null) sortTasks(job, await rowKindsOf(job));
}
