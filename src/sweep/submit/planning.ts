/** What planning goes on with, and how it tells what is wrong. */
import type { WindrowError } from '#base';
import { submitErrors } from '../errors.ts';
import { commandOf } from './commands.ts';
import type { CommandFault } from './describe-proc.ts';
import { JOB_MARK } from './macro-scope.ts';
import type { Proc } from './procs.ts';
import type { QueueBlock, Setting, SubmitWorld } from './read-submit.ts';
import type { Place } from './statements.ts';

export interface SubmitSurroundings {
  /** Absolute folder of the description; relative paths start there. */
  readonly base: string;
  /** This machine's, for the executable. */
  readonly platform: string;
  readonly searchPath: string;
  readonly world: SubmitWorld;
}

export interface Planning extends SubmitSurroundings {
  readonly file: string;
  readonly problems: WindrowError[];
  readonly warnings: string[];
  /** What was told already, so that a thousand procs do not tell it a thousand times. */
  readonly told: Set<string>;
}

/** The setting of a command in the block, under whatever name. */
export function settingOf({ settings }: QueueBlock, key: string): Setting | undefined {
  const own = settings.get(key);
  if (own || key.startsWith('my.')) return own;
  for (const [name, setting] of settings) if (commandOf(name) === key) return setting;
  return undefined;
}

export function faulty(
  planning: Planning,
  { block }: Proc,
  { command, found, expected }: CommandFault,
): void {
  const setting = settingOf(block, command);
  const name = setting?.name ?? command;
  const facts = {
    where: setting ? at(setting) : at(block),
    found: `${name}: ${found}`.slice(0, 300),
    expected,
  };
  tell(planning, submitErrors.create('SUBMIT_BAD_LINE', facts));
}

export function wrong(planning: Planning, place: Place, found: string, expected: string): void {
  tell(planning, submitErrors.create('SUBMIT_BAD_LINE', { where: at(place), found, expected }));
}

export function refuse(planning: Planning, place: Place, found: string, reason: string): void {
  const facts = {
    where: at(place),
    found: found.slice(0, 200).replaceAll(JOB_MARK, '$(Cluster)'),
    reason,
  };
  tell(planning, submitErrors.create('SUBMIT_NOT_SUPPORTED', facts));
}

export function tell({ problems, told }: Planning, problem: WindrowError): void {
  // Of one line and kind, procs tell the same thing with other values.
  const key = `${problem.code} ${problem.facts.where} ${problem.facts.reason ?? problem.facts.expected}`;
  if (told.has(key)) return;
  told.add(key);
  problems.push(problem);
}

export function at({ file, line }: { file: string; line: number }): string {
  return `${file}:${line}`;
}
