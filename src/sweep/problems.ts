import type { WindrowError } from '#base';
import { sweepErrors } from './errors.ts';

/** At most this many problems are spelled out. */
const SHOWN = 50;

/** Throws what was found wrong: nothing, the one error itself, or all of them in one. */
export function throwProblems(problems: readonly WindrowError[]): void {
  if (problems.length === 0) return;
  if (problems.length === 1) throw problems[0];
  const lines = problems.slice(0, SHOWN).map((one) => `- ${one.message}\n  ${one.todo}`);
  if (problems.length > SHOWN) lines.push(`- and ${problems.length - SHOWN} more`);
  const facts = { count: problems.length, problems: lines.join('\n') };
  throw sweepErrors.create('SWEEP_REFUSED', facts);
}
