/** Which traps are shown, in which order, and what they are called. */
import { TRAP_CATEGORIES, type TrapRecord } from '#model';

export interface TrapFilter {
  /** Index into the categories: this one and worse. */
  readonly least: number;
  /** Part of a node, a file system or a message, whatever its case. */
  readonly find: string;
  /** Also what is over, silenced or an end. */
  readonly all: boolean;
}

/** Worst first of what holds, then what happened, the latest first. */
export function trapsShown(traps: readonly TrapRecord[], filter: TrapFilter): TrapRecord[] {
  const part = filter.find.toLowerCase();
  return traps
    .filter((trap) => {
      const { node, fileSystem, message, weight } = trap;
      const fits = [node, fileSystem, message].some((text) => text.toLowerCase().includes(part));
      return fits && weight >= filter.least && (filter.all || isOpen(trap));
    })
    .sort((a, b) => rankOf(b) - rankOf(a) || b.atMs - a.atMs);
}

/** Somebody should look at it, or knows of it. */
function isOpen({ kind, over, silence }: TrapRecord): boolean {
  return kind !== 'clear' && over === null && silence === null;
}

function rankOf(trap: TrapRecord): number {
  if (!isOpen(trap)) return -1;
  return trap.category + (trap.acknowledged === null ? 4 : 0);
}

/** `holds`, `happened`, `over` and the like. */
export function stateOfTrap({ kind, over, acknowledged, silence }: TrapRecord): string {
  if (silence !== null) return 'silenced';
  if (kind === 'clear') return 'end';
  if (over !== null) return over.by === 'clear' ? 'over' : 'replaced';
  if (acknowledged !== null) return 'acknowledged';
  return kind === 'raise' ? 'holds' : 'happened';
}

/** It can be acknowledged: nobody has, and it is not over. */
export function awaitsAnswer(trap: TrapRecord): boolean {
  return isOpen(trap) && trap.acknowledged === null;
}

/** `2 fatal, 1 warning` that hold or happened and that nobody has acknowledged. */
export function openText(traps: readonly TrapRecord[]): string {
  const counts = TRAP_CATEGORIES.map(
    (word, category) =>
      [
        traps.filter((trap) => awaitsAnswer(trap) && trap.category === category).length,
        word,
      ] as const,
  );
  const parts = counts.filter(([found]) => found > 0).reverse();
  return parts.map(([found, word]) => `${found} ${word}`).join(', ') || 'nothing to look at';
}
