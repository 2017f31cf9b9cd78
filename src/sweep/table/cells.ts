/**
 * Splits whole rows of separated cells into text. `text` was accepted by `SeparatedRows` before,
 * so nothing is checked here; both follow the rules of `format.ts`.
 */
export function splitRows(text: string, separator: string): string[][] {
  if (text.includes('"')) return splitQuoted(text, separator);
  return splitLines(text).map((line) => line.split(separator));
}

/** Splits plain lines. A CR belongs to the line's end only where an LF follows. */
export function splitLines(text: string): string[] {
  const terminated = text.endsWith('\n');
  const lines = (terminated ? text.slice(0, -1) : text).split('\n');
  if (!text.includes('\r')) return lines;
  const open = terminated ? -1 : lines.length - 1;
  return lines.map((line, i) => (line.endsWith('\r') && i !== open ? line.slice(0, -1) : line));
}

function splitQuoted(text: string, separator: string): string[][] {
  const body = text.endsWith('\n') ? text : `${text}\n`;
  const rows: string[][] = [];
  let row: string[] = [];
  for (let at = 0; at < body.length; at++) {
    const [cell, end] = body[at] === '"' ? quotedCell(body, at) : plainCell(body, at, separator);
    row.push(cell);
    at = end;
    if (body[at] === separator) continue;
    if (body[at] === '\r') at++;
    rows.push(row);
    row = [];
  }
  // A CR at the very end of a file ends no line.
  if (body !== text && text.endsWith('\r')) rows.at(-1)!.push(`${rows.at(-1)!.pop()!}\r`);
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
  while (body[end] !== separator && body[end] !== '\n') end++;
  if (body[end] === '\n' && end > start && body[end - 1] === '\r') end--;
  return [body.slice(start, end), end];
}
