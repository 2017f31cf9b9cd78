/**
 * One line of a `jsonl` table. Values keep the digits they were written with (`1.50`, 2^63), which
 * `JSON.parse` alone would lose: it only proves here that the line is an object, and decodes
 * strings.
 */
export interface JsonRow {
  readonly keys: string[];
  readonly cells: string[];
}

/** @throws SyntaxError whose message says what is wrong with the line. */
export function parseJsonRow(line: string): JsonRow {
  const value: unknown = JSON.parse(line);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SyntaxError(
      `${value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value}`,
    );
  }
  return readJsonRow(line);
}

/** Reads a line that `parseJsonRow` has accepted before. */
export function readJsonRow(line: string): JsonRow {
  const keys: string[] = [];
  const cells: string[] = [];
  let at = skipSpace(line, line.indexOf('{') + 1);
  while (line[at] !== '}') {
    const keyEnd = stringEnd(line, at);
    keys.push(stringOf(line, at, keyEnd));
    const valueStart = skipSpace(line, skipSpace(line, keyEnd) + 1);
    const valueEnd = endOfValue(line, valueStart);
    cells.push(cellOf(line, valueStart, valueEnd));
    at = skipSpace(line, valueEnd);
    if (line[at] === ',') at = skipSpace(line, at + 1);
  }
  return { keys, cells };
}

function skipSpace(line: string, from: number): number {
  let at = from;
  while (line.charCodeAt(at) <= 32) at++;
  return at;
}

/** The index after the closing quote of the string that begins at `start`. */
function stringEnd(line: string, start: number): number {
  let at = line.indexOf('"', start + 1);
  while (isEscaped(line, at)) at = line.indexOf('"', at + 1);
  return at + 1;
}

function isEscaped(line: string, at: number): boolean {
  let backslashes = 0;
  while (line[at - 1 - backslashes] === '\\') backslashes++;
  return backslashes % 2 === 1;
}

function stringOf(line: string, start: number, end: number): string {
  const inner = line.slice(start + 1, end - 1);
  return inner.includes('\\') ? (JSON.parse(line.slice(start, end)) as string) : inner;
}

function endOfValue(line: string, start: number): number {
  const first = line[start];
  if (first === '"') return stringEnd(line, start);
  if (first === '{' || first === '[') return nestedEnd(line, start);
  let at = start;
  while (!/[\s,}]/.test(line[at]!)) at++;
  return at;
}

function nestedEnd(line: string, start: number): number {
  let depth = 0;
  let at = start;
  do {
    const char = line[at];
    if (char === '"') {
      at = stringEnd(line, at);
      continue;
    }
    if (char === '{' || char === '[') depth++;
    if (char === '}' || char === ']') depth--;
    at++;
  } while (depth > 0);
  return at;
}

function cellOf(line: string, start: number, end: number): string {
  const first = line[start];
  if (first === '"') return stringOf(line, start, end);
  const text = line.slice(start, end);
  if (first === '{' || first === '[') return compact(text);
  return text === 'null' ? '' : text;
}

/** JSON without the white space between its tokens. */
function compact(text: string): string {
  return text.replace(/("(?:[^"\\]|\\.)*")|\s+/g, '$1');
}
