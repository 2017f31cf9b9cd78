/** The bounded number of traps that monitors can have, and who gives way when it is full. */
import type { Acknowledgement, TrapRecord } from '#model';

/** A record that may still change. Only the collector changes it. */
export interface KeptTrap extends TrapRecord {
  mark: number;
  count: number;
  lastAtMs: number;
  over: TrapRecord['over'];
  acknowledged: Acknowledgement | null;
  silence: string | null;
}

const RANKS = 13;

/**
 * Who gives way first: what is silenced; then lower categories; within one, what is over, then
 * what is acknowledged, then the oldest. A clear weighs as what it ended, but is over.
 */
export function rankOf({ silence, weight, kind, over, acknowledged }: TrapRecord): number {
  if (silence !== null) return 0;
  const within = kind === 'clear' || over !== null ? 0 : acknowledged !== null ? 1 : 2;
  return 1 + weight * 3 + within;
}

export class KeptTraps {
  readonly #most: number;
  /** In the order in which they came, or were told again. */
  readonly #byId = new Map<string, KeptTrap>();
  readonly #byRank = Array.from({ length: RANKS }, () => new Set<KeptTrap>());
  readonly #ranks = new Map<KeptTrap, number>();

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#byId.size;
  }

  has(trap: KeptTrap): boolean {
    return this.#ranks.has(trap);
  }

  get(id: string): KeptTrap | undefined {
    return this.#byId.get(id);
  }

  /** In the order in which they came, or were told again. */
  values(): IterableIterator<KeptTrap> {
    return this.#byId.values();
  }

  get isFull(): boolean {
    return this.#byId.size >= this.#most;
  }

  /** The one that would give way first, or null. */
  least(): KeptTrap | null {
    for (const traps of this.#byRank) for (const oldest of traps) return oldest;
    return null;
  }

  /** The oldest of those that matter most, or null. */
  best(): KeptTrap | null {
    for (const traps of this.#byRank.toReversed()) for (const oldest of traps) return oldest;
    return null;
  }

  /** One that was over at this time already, of the least category, or null. */
  overSince(ms: number): KeptTrap | null {
    for (const traps of this.#byRank) {
      for (const oldest of traps) {
        const overAtMs = oldest.over?.atMs ?? (oldest.kind === 'clear' ? oldest.receivedAtMs : ms);
        if (overAtMs < ms) return oldest;
        break;
      }
    }
    return null;
  }

  /** Adds it last. Answers with what gave way: nothing, another, or itself when all others matter more. */
  add(trap: KeptTrap): KeptTrap | null {
    const leaving = this.isFull ? this.#leastOf(trap) : null;
    if (leaving === trap) return trap;
    if (leaving) this.remove(leaving);
    this.#byId.set(trap.id, trap);
    this.#rank(trap);
    return leaving;
  }

  remove(trap: KeptTrap): void {
    this.#byId.delete(trap.id);
    this.#byRank[this.#ranks.get(trap)!]!.delete(trap);
    this.#ranks.delete(trap);
  }

  /** To be called after a change of what its rank depends on. */
  changed(trap: KeptTrap): void {
    this.#byRank[this.#ranks.get(trap)!]!.delete(trap);
    this.#rank(trap);
  }

  /** Its mark is the newest again. */
  moveToEnd(trap: KeptTrap): void {
    this.#byId.delete(trap.id);
    this.#byId.set(trap.id, trap);
  }

  #rank(trap: KeptTrap): void {
    const rank = rankOf(trap);
    this.#byRank[rank]!.add(trap);
    this.#ranks.set(trap, rank);
  }

  /** Of equal ranks the oldest leaves. */
  #leastOf(trap: KeptTrap): KeptTrap {
    const least = this.least();
    return least && rankOf(least) <= rankOf(trap) ? least : trap;
  }
}
