/** An attempt that has ended, as users see it. */
import { type AttemptRecord, FIGURES, sourceOf } from '#model';
import type { AttemptView } from '#wire';

export function viewOfEnded(attempt: AttemptRecord): AttemptView {
  const { ticket, task, number, worker, cause, exitCode, signal, reason, signature } = attempt;
  const { startedAtMs, endedAtMs, usage, reusedFrom } = attempt;
  return {
    ticket,
    task,
    number,
    worker,
    cause,
    exitCode,
    signal,
    reason,
    signature,
    startedAtMs,
    endedAtMs,
    usage: viewOfUsage(usage),
    walls: attempt.walls,
    inputs: [...attempt.inputs],
    asked: attempt.asked,
    next: attempt.next,
    reusedFrom,
  };
}

function viewOfUsage(usage: AttemptRecord['usage']): AttemptView['usage'] {
  const measured = FIGURES.filter((figure) => usage[figure] !== null);
  const sources = Object.fromEntries(measured.map((figure) => [figure, sourceOf(usage, figure)]));
  return { ...usage, sources };
}
