import { printable } from '#base';
import { type CommandInput, INTERRUPTED_EXIT } from '../command.ts';
import { cliErrors } from '../errors.ts';
import { newsJson, tellMachine } from '../machine-news.ts';
import { machineWish } from '../machine-wish.ts';
import type { MachineExecuted } from '../machines-port.ts';
import type { exec as spec } from '../table/machines.ts';
import type { World } from '../world.ts';

type Input = CommandInput<typeof spec>;
type Lines = Record<'stdout' | 'stderr', string[]>;

const OUTPUT_BYTES = 16 * 1024 * 1024;

/** `windrow exec` */
export async function exec(input: Input, world: World): Promise<number> {
  const { options, settings, words } = input;
  if (words.length === 0) {
    const problem = 'nothing to run: the command goes behind --';
    throw cliErrors.create('USAGE_WRONG', { problem, help: 'windrow exec --help' });
  }
  const wish = {
    ...machineWish(input.args[0]!, settings, world),
    words,
    mostBytes: options.outputSize ?? OUTPUT_BYTES,
    timeoutMs: options.timeout ?? 0,
  };
  const output = new Map<string, Lines>();
  const machines = await input.composition.machines();
  const all = await machines.exec(wish, world, {
    onLine: (machine, stream, line) => {
      if (options.json) linesOf(output, machine)[stream].push(line);
      else world[stream].attempt(`${printable(machine)}: ${printable(line)}\n`);
    },
    onNews: (news) => {
      if (!options.json) tellEnd(news, world);
    },
  });
  const failed = all.filter(({ exitCode }) => exitCode !== 0).length;
  if (options.json) {
    const told = all.map((one) => ({ ...newsJson(one), ...linesOf(output, one.machine) }));
    await world.stdout.json({ failed, machines: told });
  } else if (failed > 0) {
    world.stderr.attempt(`windrow: it failed on ${failed} of ${all.length} machines\n`);
  }
  if (world.ending.aborted) return INTERRUPTED_EXIT;
  return failed > 0 ? 1 : 0;
}

function linesOf(output: Map<string, Lines>, machine: string): Lines {
  let lines = output.get(machine);
  if (!lines) {
    lines = { stdout: [], stderr: [] };
    output.set(machine, lines);
  }
  return lines;
}

function tellEnd(news: MachineExecuted, world: World): void {
  if (news.isCut) tellMachine({ ...news, error: null }, 'more output is left out', world);
  if (news.error) tellMachine(news, '', world);
  else if (news.exitCode === null) tellMachine(news, 'took too long, and was ended', world);
  else if (news.exitCode !== 0) tellMachine(news, `exit code ${news.exitCode}`, world);
}
