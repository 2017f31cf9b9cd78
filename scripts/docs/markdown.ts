/** Says in the page itself that it is printed, and from what. */
export function printedFrom(source: string): string {
  return `<!-- Printed by scripts/print-docs.ts from ${source}; do not edit. -->\n`;
}

/** Text as it is in a cell of a table: no cell ends early, no line breaks. */
export function cell(text: string): string {
  return text
    .replaceAll('\\', '\\\\')
    .replaceAll('|', '\\|')
    .replaceAll('<', '&lt;')
    .replace(/\s*\n\s*/g, ' ');
}

/** Code in a cell; a backtick or a bar in it would end it. */
export function code(text: string): string {
  return text === '' ? '' : `\`${text.replaceAll('`', "'").replaceAll('|', '\\|')}\``;
}

export function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;
  return line(titles) + line(titles.map(() => '---')) + rows.map(line).join('');
}
