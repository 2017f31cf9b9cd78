/** Whether what a job writes beside its results can be written, before anything runs. */
import { accessSync, constants, existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { makeDirectories, systemReasonOf } from '#base';
import type { JobSpec } from '#model';
import { logPathOf, MOST_TASK_LOGS, type RowSource } from '#sweep';
import { serverErrors } from '../errors.ts';

export function checkOutput(directory: string): void {
  try {
    makeDirectories(directory);
    accessSync(directory, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw serverErrors.create('OUTPUT_UNWRITABLE', { directory, why: systemReasonOf(error) });
  }
}

/**
 * Of its event logs: at most so many, and their folders.
 * @throws WindrowError OUTPUT_UNWRITABLE, EVENT_LOGS_TOO_MANY
 */
export function checkEventLogs({ eventLog }: Pick<JobSpec, 'eventLog'>, rows: RowSource): void {
  if (!eventLog?.path) return;
  const { path, perTask } = eventLog;
  if (perTask && rows.count > MOST_TASK_LOGS) {
    throw serverErrors.create('EVENT_LOGS_TOO_MANY', { tasks: rows.count, most: MOST_TASK_LOGS });
  }
  const pathOf = logPathOf(eventLog, rows.columns, 0);
  const folders = new Set<string>();
  for (let task = 0; task < (perTask ? rows.count : 1); task++) {
    folders.add(dirname(pathOf(perTask ? rows.row(task) : [], task)));
  }
  for (const folder of folders) {
    // With the number of the job in it, which it has not yet, it is made with the first event.
    checkOutput(path.includes('${:job}') ? existingIn(folder) : folder);
  }
}

function existingIn(folder: string): string {
  let there = folder;
  while (!existsSync(there)) there = dirname(there);
  return there;
}
