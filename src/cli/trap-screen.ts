/** What `windrow traps watch` draws on a terminal. Pure. */
import { printable } from '#base';
import { TRAP_CATEGORIES, type TrapRecord } from '#model';
import type { MergedTrap, WatchedCollector } from '#traps';
import { formatCount, formatMoment } from './format.ts';
import { bold, fitWidth } from './text-table.ts';
import { paint, stateOf } from './trap-table.ts';

export interface TrapScreen {
  readonly collectors: readonly WatchedCollector[];
  /** Those that are shown, in their order. */
  readonly traps: readonly MergedTrap[];
  /** Id of the chosen one; `''`: none. */
  readonly chosen: string;
  readonly least: number;
  /** What came of the last key; `''`: nothing. */
  readonly note: string;
}

const FOOTER_ROWS = 2;

/** What holds before what has happened, the worst first, then the newest. */
export function inOrder(traps: readonly MergedTrap[]): MergedTrap[] {
  const rank = (trap: TrapRecord) => (trap.kind === 'raise' && trap.over === null ? 0 : 1);
  return traps
    .filter(({ silence, kind, over }) => silence === null && kind !== 'clear' && over === null)
    .sort((a, b) => rank(a) - rank(b) || b.category - a.category || b.atMs - a.atMs);
}

export function drawTraps(
  screen: TrapScreen,
  size: { readonly columns: number; readonly rows: number },
  color: boolean,
): string {
  const head = screen.collectors.map((one) => fitWidth(collectorLine(one), size.columns));
  const rows = Math.max(1, size.rows - head.length - FOOTER_ROWS - 1);
  const at = Math.max(
    0,
    screen.traps.findIndex(({ id }) => id === screen.chosen),
  );
  const from = Math.max(0, Math.min(at - rows + 1, screen.traps.length - rows));
  const shown = screen.traps.slice(from, from + rows);
  const lines = shown.map((trap) => trapRow(trap, screen.chosen, size.columns, color));
  const empty = screen.traps.length === 0 ? ['Nothing holds, and nothing has happened.'] : [];
  const filler = Array.from({ length: Math.max(0, rows - lines.length - empty.length) }, () => '');
  return [
    ...head.map((line) => bold(line, color)),
    '',
    ...lines,
    ...empty,
    ...filler,
    fitWidth(screen.note, size.columns),
    fitWidth(
      `${formatCount(screen.traps.length)} traps, ${TRAP_CATEGORIES[screen.least]} and worse · arrows choose · a acknowledge · c category · q end`,
      size.columns,
    ),
  ].join('\n');
}

function collectorLine({ url, view, away }: WatchedCollector): string {
  if (away !== null) return `${url}: away – ${printable(away)}`;
  if (view === null) return `${url}: asking`;
  const { name, nodes, counters } = view;
  const received = formatCount(counters.received ?? 0);
  return `${printable(name)} (${url}): ${formatCount(nodes)} nodes, ${received} reports`;
}

/** Colour comes after cutting: a cut must not lose the end of it. */
function trapRow(trap: MergedTrap, chosen: string, columns: number, color: boolean): string {
  const { atMs, category, node, fileSystem, message, count, id } = trap;
  const where = printable(fileSystem === '' ? node : `${node} (${fileSystem})`);
  const times = count > 1 ? ` ×${count}` : '';
  const cursor = id === chosen ? '>' : ' ';
  const head = `${cursor} ${formatMoment(atMs).slice(5)} `;
  const word = TRAP_CATEGORIES[category].padEnd(8);
  const state = stateOf(trap).padEnd(8);
  const rest = ` ${state} ${where}: ${printable(message)}${times}`;
  const room = Math.max(0, columns - head.length - word.length);
  return `${head}${paint(word, category, color)}${fitWidth(rest, room)}`;
}
