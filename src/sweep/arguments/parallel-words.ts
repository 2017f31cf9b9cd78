import type { Command } from '#model';
import { planErrors } from '../errors.ts';

/**
 * The words of GNU parallel's way to write a sweep: `gzip {} ::: a.txt b.txt`. `:::` begins a list of
 * values, several lists make the cross product; `:::+` begins one that goes along with the list
 * before it, value by value.
 */
export interface ParallelSource {
  readonly linked: boolean;
  readonly values: readonly string[];
}

const WHERE = 'command line';

/** Splits the words behind `--`. @throws PARALLEL_WORDS */
export function splitParallelWords(words: readonly string[]): {
  command: string[];
  sources: ParallelSource[];
} {
  const command: string[] = [];
  const sources: { linked: boolean; values: string[] }[] = [];
  for (const word of words) {
    if (word === ':::' || word === ':::+') sources.push({ linked: word === ':::+', values: [] });
    else if (word === '::::' || word === '::::+') throw filesInWords(word);
    else (sources.at(-1)?.values ?? command).push(word);
  }
  for (const [index, { linked, values }] of sources.entries()) {
    const sign = linked ? ':::+' : ':::';
    if (values.length === 0) throw refused(`no value after "${sign}"`, 'at least one');
    if (!linked) continue;
    const before = sources[index - 1]?.values.length;
    if (before === undefined) throw refused('":::+" without a list before it', '":::" first');
    if (before === values.length) continue;
    throw refused(`${values.length} values after ":::+"`, `${before} as in the list before it`);
  }
  return { command, sources };
}

/** The rows of the sources: linked ones side by side, the others as factors. */
export function axesOfSources(
  sources: readonly ParallelSource[],
): { columns: string[]; rows: string[][] }[] {
  const axes: { columns: string[]; rows: string[][] }[] = [];
  for (const [index, { linked, values }] of sources.entries()) {
    const column = columnOf(index, sources.length);
    const last = axes.at(-1);
    if (linked && last) {
      last.columns.push(column);
      for (const [row, value] of values.entries()) last.rows[row]!.push(value);
    } else axes.push({ columns: [column], rows: values.map((value) => [value]) });
  }
  return axes;
}

/** `line` for the only source, `line1`, `line2` … for several. */
function columnOf(index: number, count: number): string {
  return count === 1 ? 'line' : `line${index + 1}`;
}

// {} {.} {/} {//} {/.} {#} {2} {2.} {2/} {2//} {2/.}
const PLACEHOLDER = /\{(?:#|(\d*)(\.|\/\.|\/\/|\/)?)\}/g;
const OPERATIONS: Readonly<Record<string, string>> = {
  '.': ':noext',
  '/': ':base',
  '//': ':dir',
  '/.': ':stem',
};

/**
 * Writes GNU parallel's placeholders as Windrow's. `{}` stands for all sources, side by side; a
 * number beyond the sources is refused. With `append`, a command without any placeholder gets `{}`
 * at its end.
 */
export function translateParallel(
  command: Command,
  sourceCount: number,
  { append }: { append: boolean },
): Command {
  const count = Math.max(1, sourceCount);
  const isUsed = (text: string) => text.search(PLACEHOLDER) !== -1 || /\$(?:\{|line)/.test(text);
  if (command.kind === 'shell') {
    const used = !append || isUsed(command.template);
    const template = used ? command.template : `${command.template} {}`;
    return { kind: 'shell', template: translateText(template, count) };
  }
  const used = !append || command.template.some(isUsed);
  const words = used ? command.template : [...command.template, '{}'];
  const template = words.flatMap((word) => translateWord(word, count));
  return { kind: 'argv', template };
}

/** A word that is nothing but `{}` (or `{.}` …) becomes one word for each source. */
function translateWord(word: string, count: number): string[] {
  const whole = /^\{(\.|\/\.|\/\/|\/)?\}$/.exec(word);
  return whole ? references(whole[1], count) : [translateText(word, count)];
}

function translateText(text: string, count: number): string {
  return text.replace(PLACEHOLDER, (source: string, digits?: string, operation?: string) => {
    if (source === '{#}') return `\${:row}`;
    if (digits === undefined || digits === '') return references(operation, count).join(' ');
    const number = Number(digits);
    if (number >= 1 && number <= count) return reference(number - 1, count, operation);
    throw refused(`the placeholder ${source}`, count === 1 ? '{1}' : `{1} to {${count}}`);
  });
}

function references(operation: string | undefined, count: number): string[] {
  return Array.from({ length: count }, (_, index) => reference(index, count, operation));
}

function reference(index: number, count: number, operation: string | undefined): string {
  return `\${${columnOf(index, count)}${OPERATIONS[operation ?? ''] ?? ''}}`;
}

function refused(found: string, expected: string): Error {
  const advice = 'Write the values behind ":::", e.g. gzip {} ::: a.txt b.txt';
  return planErrors.create('PARALLEL_WORDS', { where: WHERE, found, expected, advice });
}

function filesInWords(word: string): Error {
  const advice = 'Read the values from a file with --each-line FILE';
  const facts = { where: WHERE, found: `"${word}"`, expected: '":::"', advice };
  return planErrors.create('PARALLEL_WORDS', facts);
}
