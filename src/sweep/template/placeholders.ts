import { nearestName } from '../nearest-name.ts';
import { isPathOperation, OPERATION_NAMES, type PathOperation } from './path-operations.ts';

/**
 * Templates: `$name`, `${name}`, `${name:operation}`, `${name:raw}`, `${:row}` for the row's number
 * counted from 1, `${:job}` for that of the job, and `$$` for a dollar. What is no placeholder — `$(`, `$1`, `$?`, a `$` before
 * a space — stays as it is.
 */
export type Part = { readonly kind: 'text'; readonly text: string } | Placeholder;

export interface Placeholder {
  readonly kind: 'placeholder';
  /** Index of the column, or `ROW_NUMBER`. */
  readonly column: number;
  readonly operations: readonly PathOperation[];
  readonly raw: boolean;
  /** As written. */
  readonly source: string;
  /** Counted from the template's first line, 1. */
  readonly line: number;
}

export const ROW_NUMBER = -1;

/** Why a template is refused; it becomes an error when the template's name is known. */
export interface Fault {
  readonly code: 'TEMPLATE_UNKNOWN_COLUMN' | 'TEMPLATE_UNKNOWN_OPERATION' | 'TEMPLATE_UNSAFE_PLACE';
  readonly line: number;
  readonly found: string;
  /** Where it stands, for unsafe places. */
  readonly context?: string;
  readonly advice: string;
}

export interface ParsedTemplate {
  readonly parts: readonly Part[];
  readonly faults: readonly Fault[];
}

// $$ | $name | ${…} up to the brace; anything else after a dollar is text. A dollar inside the braces
// begins a placeholder of its own: `${HOME:-$x}`.
const PLACEHOLDER = /\$(?:\$|([A-Za-z_][A-Za-z0-9_]*)|\{([^}\n$]*)\})/g;
const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * Splits a template. In a `shell` template a `${…}` that can only be the shell's own
 * (`${HOME:-x}`, `${#list}`) stays as it is, unless it begins with the name of a column: then it
 * was meant for Windrow.
 */
export function parseTemplate(
  template: string,
  columns: readonly string[],
  { shell, job = 0 }: { shell: boolean; job?: number },
): ParsedTemplate {
  const parts: Part[] = [];
  const faults: Fault[] = [];
  let text = '';
  let at = 0;
  let line = 1;
  for (const match of template.matchAll(PLACEHOLDER)) {
    const before = template.slice(at, match.index);
    line += before.split('\n').length - 1;
    at = match.index + match[0].length;
    const found = readPlaceholder(match, columns, { line, shell, job });
    text += typeof found === 'string' ? before + found : before;
    if (typeof found === 'string') continue;
    if ('code' in found) {
      faults.push(found);
      continue;
    }
    if (text !== '') parts.push({ kind: 'text', text });
    text = '';
    parts.push(found);
  }
  text += template.slice(at);
  if (text !== '') parts.push({ kind: 'text', text });
  return { parts, faults };
}

function readPlaceholder(
  [source, bare, braced]: RegExpExecArray,
  columns: readonly string[],
  { line, shell, job }: { line: number; shell: boolean; job: number },
): string | Placeholder | Fault {
  if (source === '$$') return '$';
  const content = bare ?? braced!;
  const place = { kind: 'placeholder', source, line, operations: [], raw: false } as const;
  const column = columns.indexOf(content);
  if (column !== -1) return { ...place, column };
  if (content === ':row') return { ...place, column: ROW_NUMBER };
  if (content === ':job') return String(job);

  const [name, ...operations] = content.split(':') as [string, ...string[]];
  const named = columns.indexOf(name);
  if (named !== -1) {
    const wrong = operations.find((operation) => !OPERATION_NAMES.includes(operation));
    if (wrong !== undefined) return unknownOperation(source, wrong, line, shell);
    const raw = operations.includes('raw');
    return { ...place, column: named, operations: operations.filter(isPathOperation), raw };
  }
  if (shell && !IDENTIFIER.test(content)) {
    const prefix = /^[A-Za-z_][A-Za-z0-9_]*/.exec(content)?.[0];
    if (prefix === undefined || !columns.includes(prefix)) return source;
    return unknownOperation(source, content.slice(prefix.length), line, shell);
  }
  return unknownColumn(source, name, columns, line);
}

function unknownColumn(
  source: string,
  name: string,
  columns: readonly string[],
  line: number,
): Fault {
  const nearest = nearestName(name, columns);
  const known = columns.length === 0 ? 'there are no columns' : `the columns are ${list(columns)}`;
  const guess =
    nearest === undefined ? capital(known) : `Did you mean ${written(nearest)}? (${known})`;
  const advice = `${guess}. For a dollar as such, e.g. a variable of the shell, write $${source}`;
  return { code: 'TEMPLATE_UNKNOWN_COLUMN', line, found: source, advice };
}

function unknownOperation(source: string, wrong: string, line: number, shell: boolean): Fault {
  const nearest = nearestName(wrong, OPERATION_NAMES);
  const guess = nearest === undefined ? '' : `Did you mean :${nearest}? `;
  const own = shell
    ? ` For the shell's own operators put the value into a variable first: v=… ; then $${source.replace(/[A-Za-z_]\w*/, 'v')}`
    : '';
  const advice = `${guess}Known are :${OPERATION_NAMES.join(', :')}.${own}`;
  return { code: 'TEMPLATE_UNKNOWN_OPERATION', line, found: source, advice };
}

/** How to write the placeholder of a column. */
export function written(column: string): string {
  return IDENTIFIER.test(column) ? `$${column}` : `\${${column}}`;
}

function list(columns: readonly string[]): string {
  const shown = columns.slice(0, 8).join(', ');
  return columns.length > 8 ? `${shown} and ${columns.length - 8} more` : shown;
}

function capital(text: string): string {
  return text[0]!.toUpperCase() + text.slice(1);
}
