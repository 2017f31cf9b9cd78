/** What one task of a job runs, with its row filled in: for those who look at it. */
import { cellsShown, columnsGiven, type JobSpec } from '#model';
import { compileCommand } from './command.ts';
import { logPathOf } from './log-path.ts';
import { compileText } from './text.ts';

export interface TaskTexts {
  /** The words of the command line, the program first. */
  words(row: readonly string[], task: number): readonly string[];
  environment(row: readonly string[], task: number): Readonly<Record<string, string>>;
  /** Where a result goes when it is put in place; undefined: nowhere. */
  place(result: string, row: readonly string[], task: number): string | undefined;
  /** Where it was submitted, for those whose files come back there. */
  directory(row: readonly string[], task: number): string | undefined;
  log(row: readonly string[], task: number): string | undefined;
}

type Told = Pick<
  JobSpec,
  'command' | 'environment' | 'place' | 'eventLog' | 'directory' | 'machineValues'
>;

/** @param job what `${:job}` says. Errors: those of templates that nobody checked. */
export function taskTexts(spec: Told, columns: readonly string[], job: number): TaskTexts {
  const given = columnsGiven(spec, columns);
  const text = (template: string) => {
    const { expand } = compileText(template, given, { what: 'ad' }, job);
    return (row: readonly string[], task: number) => expand(cellsShown(spec, row), task);
  };
  const command = compileCommand(spec.command, given, { what: 'command' }, job);
  const environment = Object.entries(spec.environment).map(
    ([name, value]) => [name, text(value)] as const,
  );
  const places = (spec.place?.files ?? []).map(({ result, from, to }) => ({
    ...{ result, from },
    path: text(to),
  }));
  const home = places.find(({ result, from }) => result === 'changed' && from === '');
  const log = spec.eventLog?.path ? logPathOf(spec.eventLog, columns, job) : null;
  return {
    words: (row, task) => command.expand(cellsShown(spec, row), task).argv,
    environment: (row, task) =>
      Object.fromEntries(environment.map(([name, value]) => [name, value(row, task)])),
    place: (wanted, row, task) => places.find(({ result }) => result === wanted)?.path(row, task),
    directory: (row, task) =>
      spec.directory.kind === 'submit' ? spec.directory.path : home?.path(row, task),
    log: (row, task) => log?.(row, task),
  };
}
