/** Which file takes the events of a task. */
import { normalize } from 'node:path';
import type { Life } from '#model';
import { compileText } from './text.ts';

export type EventLogPlace = Pick<NonNullable<Life['eventLog']>, 'path' | 'perTask'>;

/** Files that one job may have for its events. */
export const MOST_TASK_LOGS = 10_000;

/**
 * The path for the task of a row; `job` is what `${:job}` says. Errors: those of a template that
 * nobody checked.
 */
export function logPathOf(
  { path, perTask }: EventLogPlace,
  columns: readonly string[],
  job: number,
): (cells: readonly string[], task: number) => string {
  if (!perTask) {
    const whole = path.replaceAll('${:job}', String(job));
    return () => whole;
  }
  const { expand } = compileText(path, columns, { what: 'log' }, job);
  return (cells, task) => normalize(expand(cells, task).replaceAll('\0', ''));
}
