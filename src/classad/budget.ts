import {
  EVALUATION_CHARACTERS,
  EVALUATION_MS,
  EVALUATION_NESTING,
  EVALUATION_STEPS,
} from './limits.ts';
import type { Ambient, Evaluation, Expression } from './value.ts';

export type Exhausted = 'steps' | 'nesting' | 'characters' | 'time';

/** Thrown through an evaluation that has spent what it may; its whole value is then `error`. */
export class BudgetSpent extends Error {
  readonly what: Exhausted;

  constructor(what: Exhausted) {
    super(`the evaluation has spent its ${what}`);
    this.what = what;
  }
}

export interface Budget {
  readonly steps?: number;
  readonly characters?: number;
  readonly ms?: number;
}

/** Steps between two looks at the clock: about a millisecond. */
const CLOCK_STEPS = 50_000;
let evaluations = 0;

export function openEvaluation(
  ambient: Ambient,
  expressionOf: (text: string) => Expression | null,
  budget: Budget = {},
): Evaluation {
  evaluations += 1;
  const steps = budget.steps ?? EVALUATION_STEPS;
  return {
    id: evaluations,
    ambient,
    expressionOf,
    steps,
    depth: EVALUATION_NESTING,
    characters: budget.characters ?? EVALUATION_CHARACTERS,
    checkBelow: steps - CLOCK_STEPS,
    // Not worth a look at the clock before it has lasted: most evaluations end within microseconds.
    deadlineMs: budget.ms ?? EVALUATION_MS,
    startedMs: -1,
  };
}

/** Counts `steps` of work. Throws BudgetSpent. */
export function spend(evaluation: Evaluation, steps: number): void {
  evaluation.steps -= steps;
  if (evaluation.steps < evaluation.checkBelow) look(evaluation);
}

function look(evaluation: Evaluation): void {
  if (evaluation.steps < 0) throw new BudgetSpent('steps');
  const now = evaluation.ambient.elapsedMs();
  if (evaluation.startedMs < 0) evaluation.startedMs = now;
  if (now - evaluation.startedMs > evaluation.deadlineMs) throw new BudgetSpent('time');
  evaluation.checkBelow = evaluation.steps - CLOCK_STEPS;
}

export function enter(evaluation: Evaluation): void {
  evaluation.depth -= 1;
  if (evaluation.depth < 0) throw new BudgetSpent('nesting');
  spend(evaluation, 1);
}

export function leave(evaluation: Evaluation): void {
  evaluation.depth += 1;
}

/** Counts a string before it is made. */
export function spendCharacters(evaluation: Evaluation, characters: number): void {
  evaluation.characters -= characters;
  if (evaluation.characters < 0) throw new BudgetSpent('characters');
  spend(evaluation, characters >> 6);
}
