import { basename } from 'node:path';
import type { Command } from '#model';
import { templateErrors } from '../errors.ts';
import { checkDocument, type FindOrigin } from '../file/document.ts';
import type { SweepSurroundings } from '../file/sweep-file.ts';
import type { AxisDraft, SweepPlan } from '../plan/draft.ts';
import { makePlan } from '../plan/plan.ts';
import {
  axesOfArguments,
  documentOfOptions,
  originOfOption,
  type SweepOptions,
} from './options.ts';
import { axesOfSources, type ParallelSource, translateParallel } from './parallel-words.ts';

/** A sweep without a file. */
export interface SweepArguments extends SweepOptions {
  /**
   * The words behind `--`, without `:::` and what follows. One word is a shell command; several are
   * executed as they are, and `$name` is filled in inside each.
   */
  readonly command: readonly string[];
  /** From `splitParallelWords`. */
  readonly sources: readonly ParallelSource[];
}

/** Makes the plan of `windrow run [options] -- COMMAND…`. @throws every problem at once */
export async function planFromArguments(
  args: SweepArguments,
  surroundings: SweepSurroundings,
): Promise<SweepPlan> {
  const { cwd } = surroundings;
  const options = documentOfOptions(args, cwd);
  const findOrigin: FindOrigin = (path) => originOfOption(path, options) ?? originOfWord(path);
  const command = commandOf(args);
  const { command: _, ...document } = checkDocument(
    { ...options, command: [...args.command] },
    findOrigin,
  );
  return makePlan({
    document,
    findOrigin,
    command,
    axes: [...axesOfArguments(args, cwd), ...sourceAxes(args.sources)],
    base: cwd,
    defaultName: nameOf(args.command),
    defaultDirectory: 'submit',
    platform: surroundings.platform,
    searchPath: surroundings.searchPath,
    warnings: [],
  });
}

function originOfWord([section, name]: readonly (string | number)[]) {
  return { what: name === undefined ? String(section ?? 'command line') : `${section} "${name}"` };
}

function commandOf({ command, sources, axes = [] }: SweepArguments): Command {
  const [first, ...rest] = command;
  if (first === undefined) {
    throw templateErrors.create('TEMPLATE_EMPTY_COMMAND', { where: 'command line' });
  }
  const written: Command =
    rest.length === 0 ? { kind: 'shell', template: first } : { kind: 'argv', template: command };
  const eachLine = axes.some(({ kind }) => kind === 'each-line');
  if (sources.length === 0 && !eachLine) return written;
  return translateParallel(written, sources.length, { append: sources.length > 0 });
}

function sourceAxes(sources: readonly ParallelSource[]): AxisDraft[] {
  const origin = { what: ':::' };
  return axesOfSources(sources).map((axis) => ({ kind: 'values', ...axis, origin }));
}

/** The job is called like its program. */
function nameOf([first = '']: readonly string[]): string {
  const word = /^\s*(?:[A-Za-z_]\w*=\S*\s+)*(\S+)/.exec(first)?.[1] ?? '';
  const name = basename(word).replace(/[^A-Za-z0-9._+-]/g, '');
  return name.slice(0, 100) || 'sweep';
}
