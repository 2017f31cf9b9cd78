/** Windrow itself in the foreground on a machine: put into place as for a worker, and run once. */
import { type Clock, executableName } from '#base';
import type { Executable } from '../executables.ts';
import type { Machine } from '../node-file.ts';
import { enterSite } from './enter-site.ts';
import { type MachineShell, textOf } from './machine-shell.ts';
import { placeProgram } from './place-program.ts';
import type { SharedPlaces } from './shared-places.ts';

export interface WindrowPlan {
  /**
   * The words of the command, given the address of this machine as the other one sees it. Nothing
   * secret is among them: everybody on the machine can read them.
   */
  readonly wordsFor: (ownAddress: string) => readonly string[];
  /** One line that it reads on standard input; may be secret. */
  readonly input: string;
  /** For what `uname -sm` says. Rejects with a WindrowError where there is none. */
  readonly executableFor: (uname: string) => Promise<Executable>;
  readonly onLine: (machine: Machine, line: string) => void;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Its exit code. Rejects with PILOT_… or ShellEnded. */
export async function runWindrowOn(
  machine: Machine,
  shell: MachineShell,
  places: SharedPlaces,
  plan: WindrowPlan,
): Promise<number> {
  const facts = await shell.call('facts');
  const program = await plan.executableFor(textOf(facts, 'platform') ?? '');
  const words = plan.wordsFor(textOf(facts, 'client') ?? '');
  const site = await enterSite(machine, shell, facts);
  const { clock, signal } = plan;
  await placeProgram(program, { shell, site, places, sessionTag: '', clock, signal });
  const lines = [`bin/${executableName(program)}`, plan.input, String(words.length), ...words];
  const answer = await shell.call('windrow', lines, {
    silenceMs: 0,
    onOutput: (line) => plan.onLine(machine, line),
  });
  return Number(textOf(answer, 'exit'));
}
