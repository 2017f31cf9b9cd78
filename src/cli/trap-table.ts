/** Traps as people read them. */
import { formatDuration, printable } from '#base';
import { TRAP_CATEGORIES, type TrapRecord, trapCategoryOf } from '#model';
import { formatMoment, lookOf } from './format.ts';
import { formatTable } from './text-table.ts';
import type { World } from './world.ts';

/** SGR codes: plain, yellow, red, white on red. */
const PAINT = ['', '33', '31', '1;37;41'];
const SHOWN_ID = 8;

export interface TrapWish {
  readonly category: string | undefined;
  readonly node: string | undefined;
  readonly fs: string | undefined;
}

/** Whether a trap is one of those that were asked for. */
export function isWished(
  { category, node, fs }: TrapWish,
  trap: TrapRecord,
  fits: (text: string, pattern: string) => boolean,
): boolean {
  const least = trapCategoryOf(category) ?? 0;
  return (
    trap.weight >= least &&
    (node === undefined || fits(trap.node, node)) &&
    (fs === undefined || trap.fileSystem === fs)
  );
}

export function trapTable(traps: readonly TrapRecord[], world: World): string {
  const columns = [
    { title: 'ID' },
    { title: 'TIME' },
    { title: 'CATEGORY' },
    { title: 'NODE' },
    { title: 'FS' },
    { title: 'TIMES', align: 'right' },
    { title: 'STATE' },
    { title: 'MESSAGE' },
  ] as const;
  const rows = traps.map((trap) => [
    trap.id.slice(0, SHOWN_ID),
    formatMoment(trap.atMs),
    TRAP_CATEGORIES[trap.category],
    trap.node,
    trap.fileSystem,
    String(trap.count),
    stateOf(trap),
    trap.message,
  ]);
  return formatTable(columns, rows, lookOf(world.stdout));
}

/** `holds`, `happened`, `over` and the like. */
export function stateOf({ kind, over, acknowledged, silence }: TrapRecord): string {
  if (silence !== null) return 'silenced';
  if (kind === 'clear') return 'end';
  if (over !== null) return over.by === 'clear' ? 'over' : 'replaced';
  if (acknowledged !== null) return `ack ${acknowledged.by}`.trim();
  return kind === 'raise' ? 'holds' : 'happened';
}

/** One line of text for a log of traps. */
export function trapLine(trap: TrapRecord, color: boolean): string {
  const { atMs, category, node, fileSystem, message, count, kind, id } = trap;
  const where = fileSystem === '' ? node : `${node} (${fileSystem})`;
  const times = count > 1 ? ` (${count} times)` : '';
  const word = kind === 'clear' ? 'over' : TRAP_CATEGORIES[category];
  // Of those that were there before anybody watched.
  const past = trap.over === null ? '' : ` – ${stateOf(trap)}`;
  const text = `${formatMoment(atMs)} ${paint(word.padEnd(8), category, color)} `;
  return `${text}${printable(where)}: ${printable(message)}${times}${past} [${id.slice(0, SHOWN_ID)}]`;
}

export function paint(text: string, category: number, color: boolean): string {
  const code = PAINT[category];
  return color && code ? `\u001b[${code}m${text}\u001b[0m` : text;
}

export function silenceEnds(endsAtMs: number, nowMs: number): string {
  return `${formatMoment(endsAtMs)} (in ${formatDuration(Math.max(0, endsAtMs - nowMs))})`;
}
