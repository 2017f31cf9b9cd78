import { writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { resolve } from 'node:path';
import { plainShellWord, systemReasonOf } from '#base';
import { type Isolation, LEVELS, type Level, type Network, WALLS, type Wall } from '#model';
import type { CommandInput } from '../command.ts';
import { cliErrors } from '../errors.ts';
import type { SandboxEnd, SandboxPlan, SandboxWish } from '../sandbox-port.ts';
import type { plan as planSpec, run as runSpec } from '../table/sandbox.ts';
import { formatFacts } from '../text-table.ts';
import type { World } from '../world.ts';

type RunInput = CommandInput<typeof runSpec>;
type PlanInput = CommandInput<typeof planSpec>;

/** `windrow sandbox run`: ends as the command does. */
export async function sandboxRun(input: RunInput, world: World): Promise<number> {
  const wish = { ...wishOf(input, world), timeoutMs: input.options.timeout ?? 0 };
  const end = await (await input.composition.sandbox()).run(wish, world);
  if (end.reason !== '') world.stderr.attempt(`windrow: ${end.reason}\n`);
  report(end, input.options.report, world);
  if (end.signal === null) return end.exitCode ?? 1;
  return 128 + (constants.signals[end.signal as NodeJS.Signals] ?? 0);
}

/** `windrow sandbox plan` */
export async function sandboxPlan(input: PlanInput, world: World): Promise<number> {
  const plan = await (await input.composition.sandbox()).plan(wishOf(input, world));
  if (input.options.json) await world.stdout.json(plan);
  else await world.stdout.write(planText(plan));
  return 0;
}

function wishOf({ words, options, settings }: PlanInput | RunInput, world: World): SandboxWish {
  const usage = (problem: string) =>
    cliErrors.create('USAGE_WRONG', { problem, help: 'windrow sandbox run --help' });
  if (words.length === 0) throw usage('nothing to run: give a command after --');
  const here = world.surroundings.directory;
  const isolation: Isolation = {
    walls: wallsOf('--walls', options.walls ?? 'private', usage),
    require: listed(wallsOf('--require', options.require ?? '', usage)),
    network: (options.network ?? null) as Network | null,
    root: options.root ?? '',
    write: options.write.map((path) => resolve(here, path)),
  };
  const { values } = settings;
  return {
    words,
    isolation,
    request: {
      cpus: options.cpus ?? 1,
      memoryBytes: options.memory ?? 0,
      diskBytes: options.disk ?? 0,
      processes: options.processes ?? 0,
      gpus: 0,
      timeMs: 0,
    },
    timeoutMs: 0,
    directory: options.scratch || isolation.root !== '' ? null : here,
    workerDirectory: values.workerDirectory,
    values,
  };
}

function wallsOf(option: string, text: string, usage: (problem: string) => Error): Level | Wall[] {
  if (Object.hasOwn(LEVELS, text)) return text as Level;
  const names = text.split(',').flatMap((name) => name.trim() || []);
  const unknown = names.find((name) => !(WALLS as readonly string[]).includes(name));
  if (unknown === undefined) return names as Wall[];
  const known = [...Object.keys(LEVELS), ...WALLS].join(', ');
  throw usage(`${option}: ${JSON.stringify(unknown)} is no level and no wall; there are ${known}`);
}

function listed(walls: Level | readonly Wall[]): readonly Wall[] {
  return typeof walls === 'string' ? LEVELS[walls] : walls;
}

/** Throws OUTPUT_FAILED. */
function report(end: SandboxEnd, file: string | undefined, world: World): void {
  if (file === undefined) return;
  const text = `${JSON.stringify(end)}\n`;
  if (file === '-') return void world.stderr.attempt(text);
  try {
    writeFileSync(resolve(world.surroundings.directory, file), text);
  } catch (error) {
    throw cliErrors.create('OUTPUT_FAILED', { target: file, reason: systemReasonOf(error) });
  }
}

function planText(plan: SandboxPlan): string {
  const lines = plan.operations.map(
    ({ part, do: verb, ...facts }) => `${part} ${verb} ${said(facts)}`,
  );
  const enters = [
    ...plan.cgroups.map((path) => `joins  ${path}`),
    ...plan.namespaces.map((path) => `enters ${path}`),
    ...plan.files.map((path, index) => `opens  ${path} as descriptor ${4 + index}`),
  ];
  const { had, network, account } = plan.walls;
  return [
    ...section('Operations, undone in reverse', lines),
    ...section('The new process, before it runs anything', enters),
    ...section('Then it runs', commandLines(plan.command)),
    formatFacts([
      ['walls', had.join(', ') || 'none'],
      ['network', network],
      ['account', account],
    ]),
  ].join('\n');
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`${title}:`, ...lines.map((line) => `  ${line}`), ''];
}

function said(facts: object): string {
  return Object.entries(facts)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ');
}

/** An option with its values on each line, as far as options go. */
function commandLines(words: readonly string[]): string[] {
  const lines: string[] = [];
  let isOption = true;
  for (const word of words) {
    const shown = plainShellWord(word);
    if (lines.length === 0 || (isOption && word.startsWith('--') && word !== '--'))
      lines.push(shown);
    else lines[lines.length - 1] += ` ${shown}`;
    // After the last `--` nothing is an option of anybody whom we know.
    if (word === '--') isOption = words.indexOf('--', words.indexOf(word) + 1) > 0;
  }
  return lines;
}
