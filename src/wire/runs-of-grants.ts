/**
 * Attempts that are given out together travel as a run: their tickets follow each other, their job
 * and number are the same, and the cells of all their rows stand in one list.
 */
import { type JsonObject, list, mismatch, whole } from './checked.ts';
import { inRuns } from './runs.ts';
import type { GrantedAttempt } from './sync.ts';

/** As it travels. */
interface Run {
  readonly firstTicket: number;
  readonly job: number;
  readonly number: number;
  readonly tasks: number[];
  /** Cells of each row. */
  readonly width: number;
  readonly cells: string[];
}

/** What `brief` makes of each attempt, and runs in place of those that can be in one. */
export function grantsInRuns(
  attempts: readonly GrantedAttempt[],
  brief: (attempt: GrantedAttempt) => object,
): object[] {
  return inRuns(attempts, { endOfRun, runOf, brief });
}

function endOfRun(attempts: readonly GrantedAttempt[], from: number): number {
  const first = attempts[from]!;
  let to = from + 1;
  if (!isPlain(first)) return to;
  for (; to < attempts.length; to++) {
    const { ticket, job, number, cells } = attempts[to]!;
    const follows = ticket === first.ticket + to - from && isPlain(attempts[to]!);
    const isAlike = job === first.job && number === first.number;
    if (!follows || !isAlike || cells.length !== first.cells.length) break;
  }
  return to;
}

function isPlain({ past, asked }: GrantedAttempt): boolean {
  return past === null && asked === null;
}

function runOf(attempts: readonly GrantedAttempt[]): Run {
  const { ticket, job, number, cells } = attempts[0]!;
  return {
    firstTicket: ticket,
    job,
    number,
    tasks: attempts.map(({ task }) => task),
    width: cells.length,
    cells: attempts.flatMap((attempt) => attempt.cells),
  };
}

export function isRunOfGrants(fields: JsonObject): boolean {
  return fields.firstTicket !== undefined;
}

export interface GrantLimits {
  /** Attempts that may still come in this answer. */
  readonly attempts: number;
  readonly columns: number;
  readonly readCell: (value: unknown) => string;
}

/** The attempts of a run. */
export function readRunOfGrants(fields: JsonObject, limits: GrantLimits): GrantedAttempt[] {
  const firstTicket = whole(fields.firstTicket, 'firstTicket', 1);
  const job = whole(fields.job, 'job', 1);
  const number = whole(fields.number, 'number', 1);
  const width = whole(fields.width, 'width', 0, limits.columns);
  const tasks = list(fields.tasks, 'tasks', limits.attempts, (task) => whole(task, ''));
  const count = tasks.length * width;
  const cells = list(fields.cells, 'cells', count, limits.readCell);
  if (cells.length !== count) throw mismatch('cells', `an array of ${count} entries`, cells);
  return tasks.map((task, at) => ({
    ticket: firstTicket + at,
    job,
    task,
    number,
    cells: cells.slice(at * width, (at + 1) * width),
    past: null,
    asked: null,
  }));
}
