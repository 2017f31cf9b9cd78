/** Templates of what procs run and of what they leave. */
import type { Command, JobSpec, PlacedResult, ResultSource } from '#model';
import type { Columns } from './columns.ts';
import type { ProcDescription } from './describe-proc.ts';

/** Makes one template of the texts of all procs. */
export type Template = (name: string, values: readonly string[]) => string;

export function commandTemplate(
  word: string,
  descriptions: readonly ProcDescription[],
  texts: ReadonlyMap<string, string>,
  template: Template,
  columns: Columns,
): Command {
  const program = columns.template('executable', [word]);
  const shell = texts.get('shell') ?? '';
  if (shell !== '')
    return {
      kind: 'argv',
      template: [
        '/bin/sh',
        '-c',
        template(
          'shell',
          descriptions.map(() => shell),
        ),
      ],
    };
  const count = descriptions[0]!.words.length;
  if (descriptions.every(({ words }) => words.length === count)) {
    const words = Array.from({ length: count }, (_, at) =>
      template(
        `argument_${at + 1}`,
        descriptions.map(({ words }) => words[at]!),
      ),
    );
    return { kind: 'argv', template: [program, ...words] };
  }
  // As many words as each proc has: a column of shell words, each in quotes.
  const lines = descriptions.map(({ words }) => words.map(quoted).join(' '));
  const column = columns.column('arguments', lines);
  const isPlain = /^[A-Za-z0-9_@%+,./:=-]+$/.test(program);
  return { kind: 'shell', template: `${isPlain ? program : quoted(program)} \${${column}:raw}` };
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

export function outputsOf(
  descriptions: readonly ProcDescription[],
  kind: 'scratch' | 'submit',
  template: Template,
): { results: ResultSource[]; place: JobSpec['place'] } {
  const results: ResultSource[] = [];
  const files: PlacedResult[] = [];
  const [first] = descriptions;
  const texts = (of: (one: ProcDescription) => string) => descriptions.map(of);
  for (const stream of ['stdout', 'stderr'] as const) {
    if (first![stream] === null) continue;
    // Both in one file: the other stream's words would be lost.
    results.push({ name: stream, from: { kind: stream }, required: false });
    const name = stream === 'stdout' ? 'output' : 'error';
    files.push({
      result: stream,
      from: stream,
      to: template(
        name,
        texts((one) => one[stream]!),
      ),
    });
  }
  if (kind === 'scratch') {
    first!.left?.forEach((_, at) => {
      const name = `output_file_${at + 1}`;
      const from = template(
        `${name}_from`,
        texts((one) => one.left![at]!.from),
      );
      results.push({ name, from: { kind: 'tree', path: from }, required: true });
      files.push({
        result: name,
        from,
        to: template(
          `${name}_to`,
          texts((one) => one.left![at]!.to),
        ),
      });
    });
    if (first!.left === null) {
      results.push({ name: 'changed', from: { kind: 'changed' }, required: false });
      first!.remaps.forEach((_, at) => {
        const from = template(
          `remap_${at + 1}_from`,
          texts((one) => one.remaps[at]!.from),
        );
        const to = template(
          `remap_${at + 1}_to`,
          texts((one) => one.remaps[at]!.to),
        );
        files.push({ result: 'changed', from, to });
      });
      const to = template(
        'initialdir',
        texts((one) => one.directory),
      );
      files.push({ result: 'changed', from: '', to });
    }
  }
  if (results.length === 0)
    results.push({ name: 'stdout', from: { kind: 'stdout' }, required: false });
  return { results, place: { files } };
}
