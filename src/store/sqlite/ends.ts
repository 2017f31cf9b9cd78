/**
 * Ends of attempts on their way into SQLite. They are most of what is ever written, and binding a
 * value costs as much as storing it: so good ends with nothing special about them have a statement
 * of their own, for many at once (3.0 µs of CPU for each, one by one with all columns; now 2.1).
 */
import type { Change } from '../contract.ts';
import type { Ask } from './questions.ts';
import { attemptCells, type Cell, pushUsualCells } from './rows.ts';

export type EndedChange = Extract<Change, { kind: 'attempt-ended' }>;

/** More at once gain nothing. */
const AT_ONCE = 16;

/** Writes ends of attempts; each has its own sequence, so that their order here means nothing. */
export function addEnds(ask: Ask, ends: readonly EndedChange[]): void {
  const usual: EndedChange[] = [];
  for (const end of ends) {
    if (isUsual(end)) usual.push(end);
    else ask('add-attempt').run(end.sequence, ...attemptCells(end.attempt, end.accepted));
  }
  let at = 0;
  while (at < usual.length) {
    const count = usual.length - at < AT_ONCE ? 1 : AT_ONCE;
    const cells: Cell[] = [];
    for (const end = at + count; at < end; at++) {
      pushUsualCells(cells, usual[at]!.sequence, usual[at]!.attempt);
    }
    ask('add-usual-attempts', count).run(...cells);
  }
}

/** What `add-usual-attempts` says for all of them, or leaves out. */
function isUsual({ attempt, accepted }: EndedChange): boolean {
  return (
    attempt.cause === 'ok' &&
    attempt.exitCode === 0 &&
    attempt.next === 'done' &&
    accepted &&
    attempt.reason === '' &&
    attempt.signature === '' &&
    attempt.signal === null &&
    attempt.reusedFrom === null &&
    attempt.asked === null &&
    attempt.usage.network === null &&
    attempt.inputs.length === 0
  );
}
