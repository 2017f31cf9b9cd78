/**
 * An attempt as steps that are undone in reverse, whatever happens. A step that throws ends the
 * way; steps marked `always` still run, so that logs of a failure are kept.
 */
import { rmSync } from 'node:fs';
import { messageOf } from '#base';
import { usageOf } from '#model';
import type { EndedAttempt } from '#wire';
import { type Attempt, AttemptFault, type Verdict } from './attempt.ts';
import { admitChirp, dismissChirp } from './chirp.ts';
import { deliverParts } from './deliver.ts';
import { checkInputs, fetchInputs, releaseInputs } from './fetch.ts';
import { gatherResults } from './gather-results.ts';
import { endProgram, runProgram } from './run-program.ts';
import { makeScratch, removeScratchOf, stageInputs } from './stage.ts';
import { planWalls, raiseWalls, takeWallsDown } from './walls.ts';

interface Step {
  readonly name: string;
  /** Runs also after a step has failed. */
  readonly always: boolean;
  run(attempt: Attempt): Promise<void> | void | undefined;
  undo?(attempt: Attempt): Promise<void> | undefined;
}

const STEPS: readonly Step[] = [
  { name: 'scratch', always: false, run: makeScratch, undo: removeScratchOf },
  { name: 'fetch', always: false, run: fetchInputs, undo: releaseInputs },
  { name: 'plan walls', always: false, run: planWalls },
  { name: 'stage', always: false, run: stageInputs, undo: removeSpooled },
  { name: 'chirp', always: false, run: admitChirp, undo: dismissChirp },
  { name: 'walls', always: false, run: raiseWalls, undo: takeWallsDown },
  { name: 'program', always: false, run: runProgram, undo: endProgram },
  { name: 'check inputs', always: false, run: checkInputs },
  // Its last words are the server's before its end is.
  { name: 'last words', always: true, run: dismissChirp },
  { name: 'gather', always: true, run: gatherResults },
  { name: 'deliver', always: true, run: deliverParts },
];

const LONGEST_REASON = 2000;

/** Runs the attempt to its end. Never rejects; after it nothing of the attempt is left here. */
export async function runAttempt(attempt: Attempt): Promise<EndedAttempt> {
  const begun: Step[] = [];
  for (const step of STEPS) {
    if (attempt.stopped) attempt.verdict ??= attempt.stopped;
    if (attempt.verdict && !step.always) continue;
    begun.push(step);
    try {
      // Most steps of most attempts are synchronous, and a turn of the loop is not free.
      const going = step.run(attempt);
      if (going) await going;
    } catch (error) {
      attempt.verdict ??= verdictOfFault(attempt, step, error);
    }
  }
  for (const step of begun.reverse()) {
    const going = undo(attempt, step);
    if (going) await going;
  }
  return endOf(attempt);
}

function undo(attempt: Attempt, step: Step): Promise<void> | undefined {
  const complain = (error: unknown) => {
    const facts = { ticket: attempt.grant.ticket, step: step.name, reason: messageOf(error) };
    attempt.workshop.log.warn(facts, 'could not clean up after an attempt');
  };
  try {
    return step.undo?.(attempt)?.catch(complain);
  } catch (error) {
    complain(error);
    return undefined;
  }
}

function removeSpooled(attempt: Attempt): undefined {
  for (const path of attempt.spooled) rmSync(path, { force: true });
}

/** What nobody foresaw is the machine's or the worker's doing, never the program's. */
function verdictOfFault(attempt: Attempt, step: Step, error: unknown): Verdict {
  if (error instanceof AttemptFault) return error.verdict;
  const { log, lifetime } = attempt.workshop;
  if (!lifetime.aborted) log.error({ step: step.name, err: error }, 'an attempt failed unforeseen');
  const cause = /program|walls/.test(step.name) ? 'launch' : 'stage-in';
  return { cause, reason: `The step ${step.name} failed on this machine: ${messageOf(error)}.` };
}

function endOf(attempt: Attempt): EndedAttempt {
  const { programEnd: end, verdict } = attempt;
  return {
    ticket: attempt.grant.ticket,
    cause: verdict?.cause ?? 'ok',
    exitCode: end?.exitCode ?? null,
    signal: end?.signal ?? null,
    reason: (verdict?.reason ?? '').slice(0, LONGEST_REASON).toWellFormed(),
    startedAtMs: attempt.programStartedAtMs,
    endedAtMs: attempt.programEndedAtMs,
    walls: attempt.walls?.record ?? null,
    inputs: [...attempt.ways.values()],
    usage: usageOf(end?.wallMs ?? 0, ...attempt.measured),
    parts: attempt.parts,
    lastErrorLine: attempt.lastErrorLine,
    // The program may have ended before it could be killed for it.
    ruling: verdict !== null && verdict === attempt.excess ? attempt.ruling : null,
    remarks: attempt.remarks,
  };
}
