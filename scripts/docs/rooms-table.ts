import { ROOMS } from '../import-law.ts';
import { cell, code, table } from './markdown.ts';

const BEGIN = '<!-- rooms: printed by scripts/print-docs.ts from scripts/import-law.ts -->';
const END = '<!-- /rooms -->';

/**
 * ARCHITECTURE.md with the table of rooms between its two markers. Text without them is taken as
 * one that lacks the table, and gets it at its end.
 */
export function withRooms(prose: string): string {
  const rows = ROOMS.map(({ name, what, uses, typesOf }) => {
    const types = typesOf.length > 0 ? [`types of ${typesOf.join(', ')}`] : [];
    return [code(name), cell(what), [...uses, ...types].join(', ') || '–'];
  });
  const printed = `${BEGIN}\n\n${table(['room', 'what it is', 'may import'], rows)}\n${END}`;
  const begin = prose.indexOf(BEGIN);
  const end = prose.indexOf(END);
  if (begin < 0 || end < begin) return `${prose.trimEnd()}\n\n${printed}\n`;
  return prose.slice(0, begin) + printed + prose.slice(end + END.length);
}
