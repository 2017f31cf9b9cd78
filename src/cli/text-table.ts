import { printable } from '#base';

export interface TableColumn {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

export interface TableLook {
  readonly color: boolean;
  /** Lines are cut to it; null: as long as they come. */
  readonly width: number | null;
}

// East Asian wide and fullwidth blocks, and emoji (Unicode TR11); coarse, but right for what occurs.
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const NARROW = /^[\x20-\x7e]*$/;
const ZERO = /^(\p{Mn}|\p{Me}|\u200b|\u200c|\u200d|\ufe0e|\ufe0f)$/u;

/** How many cells of a terminal a text takes. */
export function displayWidth(text: string): number {
  if (NARROW.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += ZERO.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
  return width;
}

/** The beginning of a text that fits into `width` cells, ended by … where something is left out. */
export function fitWidth(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let fitting = '';
  let used = 1;
  for (const character of text) {
    used += displayWidth(character);
    if (used > width) break;
    fitting += character;
  }
  return `${fitting}…`;
}

/** Aligned columns with a header line; cells are made safe for terminals. Ends with a newline. */
export function formatTable(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
  look: TableLook,
): string {
  const cells = rows.map((row) => row.map((cell) => printable(cell)));
  const widths = columns.map((column, index) =>
    Math.max(displayWidth(column.title), ...cells.map((row) => displayWidth(row[index] ?? ''))),
  );
  const line = (row: readonly string[]) => {
    const padded = columns.map((column, index) =>
      pad(row[index] ?? '', widths[index]!, column.align),
    );
    const text = padded.join('  ').trimEnd();
    return look.width === null ? text : fitWidth(text, look.width);
  };
  const header = line(columns.map((column) => column.title));
  return `${[bold(header, look.color), ...cells.map(line)].join('\n')}\n`;
}

function pad(text: string, width: number, align: 'left' | 'right' | undefined): string {
  const space = ' '.repeat(Math.max(0, width - displayWidth(text)));
  return align === 'right' ? space + text : text + space;
}

export function bold(text: string, color: boolean): string {
  return color ? `\u001b[1m${text}\u001b[0m` : text;
}

/** `name: value` lines, aligned; those with an empty value are left out. */
export function formatFacts(facts: readonly (readonly [string, string])[]): string {
  const shown = facts.filter(([, value]) => value !== '');
  const width = Math.max(0, ...shown.map(([name]) => name.length + 1));
  return shown.map(([name, value]) => `${`${name}:`.padEnd(width)} ${printable(value)}\n`).join('');
}
