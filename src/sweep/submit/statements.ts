/**
 * The lines of a submit description as statements: what each line is, before any macro means
 * something. The form is HTCondor's (its manual page of the job description language).
 */
export interface Place {
  /** As messages name it. */
  readonly file: string;
  /** Where the statement begins, from 1. */
  readonly line: number;
}

export type Statement = Place &
  (
    | { readonly kind: 'assign'; readonly name: string; readonly value: string }
    /** `+Name = …` or `MY.Name = …`: an attribute of the job's ad. */
    | { readonly kind: 'attribute'; readonly name: string; readonly value: string }
    | { readonly kind: 'if'; readonly test: string }
    | { readonly kind: 'elif'; readonly test: string }
    | { readonly kind: 'else' | 'endif' }
    | { readonly kind: 'include'; readonly source: string }
    | { readonly kind: 'use'; readonly what: string }
    /** `rows`: the lines of its parenthesised list, if they stand in the file. */
    | { readonly kind: 'queue'; readonly words: string; readonly rows: readonly string[] | null }
    | { readonly kind: 'wrong'; readonly found: string; readonly expected: string }
  );

interface LogicalLine {
  readonly text: string;
  readonly line: number;
}

const ASSIGNMENT = /^(\+|my\.)?([A-Za-z_][\w.]*)\s*(=|@=)\s*(.*)$/is;
const KEYWORD = /^(if|elif|else|endif|queue|use)(?=\s|\(|$)\s*(.*)$/is;
const INCLUDE = /^include\s*(?:ifexist\s*)?:\s*(.*)$/is;

/** Every statement of the text in order; what is none is `wrong` and says what was expected. */
export function readStatements(text: string, file: string): Statement[] {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  const reader = { lines, at: 0 };
  const found: Statement[] = [];
  for (let next = nextLine(reader); next; next = nextLine(reader)) {
    found.push(statementOf(next, file, reader));
  }
  return found;
}

interface Reader {
  readonly lines: readonly string[];
  at: number;
}

/** The next line that says something, with those that a backslash at the end joins to it. */
function nextLine(reader: Reader): LogicalLine | null {
  while (reader.at < reader.lines.length) {
    const line = reader.at + 1;
    let text = reader.lines[reader.at++]!.trim();
    if (text === '' || text.startsWith('#')) continue;
    while (text.endsWith('\\') && reader.at < reader.lines.length) {
      const more = reader.lines[reader.at++]!.trim();
      // A comment amid joined lines is none of them.
      if (more.startsWith('#')) continue;
      text = text.slice(0, -1) + more;
    }
    return { text: text.replace(/\\$/, '').trim(), line };
  }
  return null;
}

function statementOf({ text, line }: LogicalLine, file: string, reader: Reader): Statement {
  const place = { file, line };
  const include = INCLUDE.exec(text);
  if (include) return { ...place, kind: 'include', source: include[1]!.trim() };
  const assigned = ASSIGNMENT.exec(text);
  if (assigned) return assignmentOf(assigned, place, reader);
  const [, keyword, rest = ''] = KEYWORD.exec(text) ?? [];
  switch (keyword?.toLowerCase()) {
    case 'if':
    case 'elif':
      return { ...place, kind: keyword!.toLowerCase() as 'if' | 'elif', test: rest.trim() };
    case 'else':
    case 'endif':
      return { ...place, kind: keyword!.toLowerCase() as 'else' | 'endif' };
    case 'use':
      return { ...place, kind: 'use', what: rest.trim() };
    case 'queue':
      return queueOf(rest.trim(), place, reader);
    default:
      return { ...place, kind: 'wrong', found: text, expected: 'NAME = VALUE, or queue' };
  }
}

function assignmentOf(match: RegExpExecArray, place: Place, reader: Reader): Statement {
  const [, prefix, name, sign, rest] = match as unknown as [
    string,
    string?,
    string?,
    string?,
    string?,
  ];
  let value = rest!.trim();
  if (sign === '@=') {
    const lines = linesUpTo(reader, `@${value}`);
    if (!lines)
      return {
        ...place,
        kind: 'wrong',
        found: `${name} @=${value}`,
        expected: `a line @${value} below it`,
      };
    value = lines.join('\n');
  }
  return { ...place, kind: prefix ? 'attribute' : 'assign', name: name!, value };
}

/** The lines before the one that is `end`; null when there is none, and nothing is passed over. */
function linesUpTo(reader: Reader, end: string): string[] | null {
  const length = reader.lines.slice(reader.at).findIndex((line) => line.trim() === end);
  if (length === -1) return null;
  const lines = reader.lines.slice(reader.at, reader.at + length);
  reader.at += length + 1;
  return lines;
}

/** A list in parentheses that is not closed on its own line goes on to a line that begins with `)`. */
function queueOf(words: string, place: Place, reader: Reader): Statement {
  const open = listStart(words);
  if (open === -1) return { ...place, kind: 'queue', words, rows: null };
  const before = words.slice(0, open).trim();
  const inside = words.slice(open + 1).trim();
  if (inside.endsWith(')')) {
    return { ...place, kind: 'queue', words: before, rows: [inside.slice(0, -1)] };
  }
  const rows = inside === '' ? [] : [inside];
  while (reader.at < reader.lines.length) {
    const row = reader.lines[reader.at++]!.trim();
    if (row.startsWith(')')) return { ...place, kind: 'queue', words: before, rows };
    if (row !== '' && !row.startsWith('#')) rows.push(row);
  }
  return { ...place, kind: 'wrong', found: 'a list that does not end', expected: 'a line ")"' };
}

/** Where the `(` of a list stands: the first thing behind `in`, `from`, `matching` and a slice. */
function listStart(words: string): number {
  const found =
    /(?:^|\s)(?:in|from|matching)\s*(?:(?:files|dirs|any|table)\b\s*)?(?:\[[^\]]*\]\s*)?\(/i.exec(
      words,
    );
  return found ? found.index + found[0].length - 1 : -1;
}
