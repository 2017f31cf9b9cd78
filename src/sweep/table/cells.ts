/**
 * Splits whole rows of separated cells into text. `text` was accepted by `SeparatedRows` before,
 * so nothing is checked here; both follow the rules of `format.ts`.
 */
export function splitRows(text: string, separator: string): string[][] {
  const body = text.endsWith('\n') ? text.slice(0, -1) : text;
  return text.includes('"') ? splitQuoted(body, separator) : splitPlain(body, separator);
}

/** Splits plain lines; a CR before the line's end does not belong to it. */
export function splitLines(text: string): string[] {
  const body = text.endsWith('\n') ? text.slice(0, -1) : text;
  const lines = body.split('\n');
  if (!text.includes('\r')) return lines;
  const last = lines.length - 1;
  const terminated = body !== text;
  return lines.map((line, i) =>
    line.endsWith('\r') && (i < last || terminated) ? line.slice(0, -1) : line,
  );
}

function splitPlain(body: string, separator: string): string[][] {
  const rows: string[][] = [];
  for (const line of splitLines(`${body}\n`)) rows.push(line.split(separator));
  return rows;
}

function splitQuoted(body: string, separator: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let at = 0;
  while (at <= body.length) {
    const [cell, end] = body[at] === '"' ? quotedCell(body, at) : plainCell(body, at, separator);
    row.push(cell);
    at = end;
    if (body[at] === separator) {
      at++;
      continue;
    }
    if (body[at] === '\r') at++;
    at++;
    rows.push(row);
    row = [];
  }
  return rows;
}

/** The cell's content and where its separator or line end is. */
function quotedCell(body: string, start: number): [string, number] {
  let end = body.indexOf('"', start + 1);
  while (body[end + 1] === '"') end = body.indexOf('"', end + 2);
  return [body.slice(start + 1, end).replaceAll('""', '"'), end + 1];
}

function plainCell(body: string, start: number, separator: string): [string, number] {
  let end = start;
  while (end < body.length && body[end] !== separator && body[end] !== '\n') end++;
  if (body[end] === '\n' && end > start && body[end - 1] === '\r') end--;
  return [body.slice(start, end), end];
}
