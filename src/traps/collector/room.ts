/**
 * Where traps are: kept, so that monitors can have them, or waiting, because they hold and gave way.
 * Both are bounded by the same number.
 */
import type { TrapPlace, TrapRecord } from '#model';
import { type KeptTrap, KeptTraps, rankOf } from './kept-traps.ts';

/** What is over keeps its place before what holds for so long, that monitors may hear of it. */
const OVER_REST_MS = 10 * 60_000;

export class TrapRoom {
  readonly kept: KeptTraps;
  readonly waiting: KeptTraps;

  constructor(most: number) {
    this.kept = new KeptTraps(most);
    this.waiting = new KeptTraps(most);
  }

  *all(): Generator<KeptTrap> {
    yield* this.kept.values();
    yield* this.waiting.values();
  }

  /** To be called after a change of what its rank depends on. */
  changed(trap: KeptTrap): TrapPlace {
    const isKept = this.kept.has(trap);
    (isKept ? this.kept : this.waiting).changed(trap);
    return isKept ? 'kept' : 'waiting';
  }

  /**
   * A place to wait for one that is not kept. `isWaiting` is false when it does not hold, as an event,
   * or when everything that waits matters more; `leaving` gave up its place for it.
   */
  wait(trap: KeptTrap): { readonly isWaiting: boolean; readonly leaving: KeptTrap | null } {
    if (!isHolding(trap)) return { isWaiting: false, leaving: null };
    const leaving = this.waiting.add(trap);
    return leaving === trap ? { isWaiting: false, leaving: null } : { isWaiting: true, leaving };
  }

  /**
   * Moves the one that waits and matters most to where monitors can have it, if there is room, or
   * what has its room matters less by now. `leaving` is kept no longer. Null when there is none.
   */
  takeBack(nowMs: number): { readonly trap: KeptTrap; readonly leaving: KeptTrap | null } | null {
    const trap = this.waiting.best();
    if (trap === null || trap.silence !== null) return null;
    const leaving = this.kept.isFull ? this.#lessThan(trap, nowMs) : null;
    if (this.kept.isFull && leaving === null) return null;
    if (leaving) this.kept.remove(leaving);
    this.waiting.remove(trap);
    this.kept.add(trap);
    return { trap, leaving };
  }

  #lessThan(trap: KeptTrap, nowMs: number): KeptTrap | null {
    const least = this.kept.least();
    if (least && rankOf(least) < rankOf(trap)) return least;
    return this.kept.overSince(nowMs - OVER_REST_MS);
  }
}

export function isHolding({ kind, over }: Pick<TrapRecord, 'kind' | 'over'>): boolean {
  return kind === 'raise' && over === null;
}
