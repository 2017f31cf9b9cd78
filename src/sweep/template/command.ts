import { insideSingleQuotes, plainShellWord, shellWord, type WindrowError } from '#base';
import type { Command } from '#model';
import { templateErrors } from '../errors.ts';
import { throwProblems } from '../problems.ts';
import { directWords } from './direct-words.ts';
import { describeOrigin, faultError, type Origin } from './origin.ts';
import { type Fault, type Part, type Placeholder, parseTemplate } from './placeholders.ts';
import { findShellPlaces, MARK, type Place } from './shell-places.ts';
import { onOneLine } from './shell-words.ts';
import { columnsOf, compileParts, type Expander } from './text.ts';

/** A program's arguments are limited to 128 KiB each (Linux, MAX_ARG_STRLEN). */
const MAX_COMMAND_BYTES = 2 ** 17;

export interface Executable {
  readonly file: string;
  readonly argv: string[];
}

export interface CompiledCommand {
  /** Columns the command names, in table order. */
  readonly usedColumns: readonly string[];
  /** What to execute for a row: `argv` includes `argv[0]`; `task` is the row's number from 0. */
  expand(cells: readonly string[], task: number): Executable;
  /**
   * For a shell command that only starts one program: that program. Should it not be there to
   * execute, `expand` has to say what the shell makes of it. Null for any other command.
   */
  readonly expandDirect: ((cells: readonly string[], task: number) => Executable) | null;
  /** The same for `/bin/sh`, of as many lines as were written, values in single quotes; to be shown. */
  script(cells: readonly string[], task: number): string;
  /** The script on one line, whatever that takes; for the open protocol. */
  commandLine(cells: readonly string[], task: number): string;
}

interface Compiled {
  readonly problems: readonly WindrowError[];
  readonly command: CompiledCommand;
}

/**
 * Compiles a job's command once; expanding it is cheap. In a shell command each value is exactly
 * one word, also inside quotes (see `shell-places.ts`). `job` is what `${:job}` says.
 * @throws an error of `templateErrors`, or SWEEP_REFUSED for several
 */
export function compileCommand(
  command: Command,
  columns: readonly string[],
  origin: Origin = { what: 'command' },
  job = 0,
): CompiledCommand {
  const compiled = compile(command, columns, origin, job);
  throwProblems(compiled.problems);
  return compiled.command;
}

/** Everything wrong with a command, and the columns it uses. */
export function checkCommand(
  command: Command,
  columns: readonly string[],
  origin: Origin,
): { problems: readonly WindrowError[]; usedColumns: readonly string[] } {
  const { problems, command: compiled } = compile(command, columns, origin);
  return { problems, usedColumns: compiled.usedColumns };
}

function compile(command: Command, columns: readonly string[], origin: Origin, job = 0): Compiled {
  const problems = checkText(command, origin);
  const compiled =
    command.kind === 'shell'
      ? compileShell(command.template, columns, job)
      : compileWords(command.template, columns, job);
  const faults = compiled.faults.map((fault) => faultError(fault, origin));
  return { problems: [...problems, ...faults], command: compiled.command };
}

function checkText(command: Command, origin: Origin): WindrowError[] {
  const where = describeOrigin(origin);
  const text = command.kind === 'shell' ? command.template : command.template.join('\n');
  const first = command.kind === 'shell' ? text : (command.template[0] ?? '');
  if (first.trim() === '') return [templateErrors.create('TEMPLATE_EMPTY_COMMAND', { where })];
  if (text.includes('\0')) {
    const facts = { where, found: 'a NUL character', expected: 'text' };
    return [templateErrors.create('TEMPLATE_BAD_COMMAND', facts)];
  }
  const bytes = Buffer.byteLength(text);
  if (bytes < MAX_COMMAND_BYTES) return [];
  const facts = { where, found: `${bytes} bytes`, expected: `less than ${MAX_COMMAND_BYTES}` };
  return [templateErrors.create('TEMPLATE_BAD_COMMAND', facts)];
}

interface WithFaults {
  readonly faults: readonly Fault[];
  readonly command: CompiledCommand;
}

function compileWords(
  template: readonly string[],
  columns: readonly string[],
  job: number,
): WithFaults {
  const parsed = template.map((word) => parseTemplate(word, columns, { shell: false, job }));
  const words = parsed.map(({ parts }) => compileParts(parts).expand);
  const lineWords = parsed.map(({ parts }) => lineWord(parts));
  const script = (cells: readonly string[], task: number) =>
    lineWords.map((word) => word(cells, task)).join(' ');
  return {
    faults: parsed.flatMap(({ faults }) => faults),
    command: {
      usedColumns: columnsOf(
        parsed.flatMap(({ parts }) => parts),
        columns,
      ),
      expand: executing(words),
      expandDirect: null,
      script,
      commandLine: (cells, task) => onOneLine(script(cells, task)),
    },
  };
}

function executing(words: readonly Expander[]): CompiledCommand['expand'] {
  return (cells, task) => {
    const argv = words.map((word) => word(cells, task));
    return { file: argv[0]!, argv };
  };
}

function lineWord(parts: readonly Part[]): Expander {
  const { expand } = compileParts(parts);
  if (parts.some((part) => part.kind === 'placeholder')) {
    return (cells, task) => shellWord(expand(cells, task));
  }
  const fixed = plainShellWord(expand([], 0));
  return () => fixed;
}

function compileShell(template: string, columns: readonly string[], job: number): WithFaults {
  const { parts, faults } = parseTemplate(template, columns, { shell: true, job });
  const placeholders = parts.filter((part) => part.kind === 'placeholder');
  const shell = findPlaces(parts, placeholders);
  const raw = placeholders.some((placeholder) => placeholder.raw);
  const script =
    shell.simple && !raw
      ? writtenIn(parts, shell.places)
      : referredTo(parts, placeholders, shell.places);
  const direct = directWords(parts);
  return {
    faults: [...faults, ...shell.faults],
    command: {
      usedColumns: columnsOf(parts, columns),
      expand: (cells, task) => ({
        file: '/bin/sh',
        argv: ['/bin/sh', '-c', script(cells, task)],
      }),
      expandDirect: direct && executing(direct),
      script,
      commandLine: (cells, task) => onOneLine(script(cells, task)),
    },
  };
}

function findPlaces(
  parts: readonly Part[],
  placeholders: readonly Placeholder[],
): { places: readonly Place[]; simple: boolean; faults: Fault[] } {
  // Without values there is nothing to keep apart: the shell alone judges the command.
  if (placeholders.length === 0) return { places: [], simple: true, faults: [] };
  // A NUL of the template itself is refused elsewhere.
  const textOf = (part: Part) => (part.kind === 'text' ? part.text.replaceAll(MARK, ' ') : MARK);
  const text = parts.map(textOf).join('');
  const { places, simple, faults } = findShellPlaces(text);
  return {
    places,
    simple,
    faults: faults
      .filter((fault) => !placeholders[fault.placeholder]!.raw)
      .map(({ placeholder, context, advice }) => {
        const { line, source } = placeholders[placeholder]!;
        return { code: 'TEMPLATE_UNSAFE_PLACE', line, found: source, context, advice };
      }),
  };
}

/** The values stand in the command itself, quoted for their place. */
function writtenIn(parts: readonly Part[], places: readonly Place[]): Expander {
  let number = 0;
  return compileParts(parts, (_, value) => {
    const place = places[number++];
    if (place === 'single') return (cells, task) => insideSingleQuotes(value(cells, task));
    if (place === 'double') return (cells, task) => `"${shellWord(value(cells, task))}"`;
    return (cells, task) => shellWord(value(cells, task));
  }).expand;
}

/** The values are given to variables first and the command refers to these; `raw` ones stand in it. */
function referredTo(
  parts: readonly Part[],
  placeholders: readonly Placeholder[],
  places: readonly Place[],
): Expander {
  const variables = new Map<string, { name: string; placeholder: Placeholder }>();
  for (const placeholder of placeholders) {
    const { column, operations, raw } = placeholder;
    const key = `${column}:${operations.join(':')}`;
    if (raw || variables.has(key)) continue;
    variables.set(key, { name: `windrow_value_${variables.size + 1}`, placeholder });
  }
  const assignments: Part[] = [...variables.values()].flatMap(({ name, placeholder }) => [
    { kind: 'text', text: `${name}=` },
    placeholder,
    { kind: 'text', text: '; ' },
  ]);
  const assign = compileParts(
    assignments,
    (_, value) => (cells, task) => shellWord(value(cells, task)),
  ).expand;
  let number = 0;
  const body = compileParts(parts, (placeholder, value) => {
    const place = places[number++]!;
    if (place === 'comment') return () => placeholder.source;
    if (placeholder.raw) return value;
    const key = `${placeholder.column}:${placeholder.operations.join(':')}`;
    const reference = referenceTo(variables.get(key)!.name, place);
    return () => reference;
  }).expand;
  return (cells, task) => assign(cells, task) + body(cells, task);
}

function referenceTo(variable: string, place: Place): string {
  if (place === 'single') return `'"\${${variable}}"'`;
  return place === 'plain' ? `"\${${variable}}"` : `\${${variable}}`;
}
