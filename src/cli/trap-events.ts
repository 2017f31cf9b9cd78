/** From the views of collectors to what happened since the last look, each thing once. */
import type { Acknowledgement } from '#model';
import type { MergedTrap, WatchedCollector } from '#traps';

export type TrapEvent =
  | { readonly event: 'trap'; readonly trap: MergedTrap }
  | { readonly event: 'over'; readonly id: string }
  /** By a silence; when that ends the trap is told again. */
  | { readonly event: 'silenced'; readonly id: string; readonly silence: string }
  | { readonly event: 'acknowledged'; readonly id: string; readonly by: Acknowledgement | null }
  | { readonly event: 'collector'; readonly url: string; readonly away: string | null };

/** Traps that were told and that no collector keeps any more are forgotten beyond so many. */
const KNOWN_MOST = 20_000;

interface Known {
  readonly isOver: boolean;
  readonly acknowledgedAtMs: number | null;
  readonly silence: string | null;
}

export class TrapEvents {
  readonly #known = new Map<string, Known>();
  readonly #away = new Map<string, string | null>();

  /** @param traps all that are kept, merged */
  look(collectors: readonly WatchedCollector[], traps: readonly MergedTrap[]): TrapEvent[] {
    const events: TrapEvent[] = [];
    for (const { url, away, view } of collectors) {
      const isAsked = away !== null || view !== null;
      if (!isAsked || this.#away.get(url) === away) continue;
      this.#away.set(url, away);
      events.push({ event: 'collector', url, away });
    }
    for (const trap of traps) events.push(...this.#news(trap));
    if (this.#known.size > KNOWN_MOST) this.#forget(traps);
    return events;
  }

  #news(trap: MergedTrap): TrapEvent[] {
    const { id, over, acknowledged, silence } = trap;
    const known = this.#known.get(id);
    if (silence !== null) {
      if (!known || known.silence === silence) return [];
      this.#known.set(id, { ...known, silence });
      return known.silence === null ? [{ event: 'silenced', id, silence }] : [];
    }
    const isOver = over !== null;
    const acknowledgedAtMs = acknowledged?.atMs ?? null;
    const wasOver = known?.isOver === true;
    this.#known.set(id, { isOver: isOver || wasOver, acknowledgedAtMs, silence });
    const isTold = !known || (known.silence !== null && !wasOver);
    if (isTold) return [{ event: 'trap', trap }];
    const events: TrapEvent[] = [];
    if (isOver && !known.isOver) events.push({ event: 'over', id });
    if (acknowledgedAtMs !== known.acknowledgedAtMs && !isOver) {
      events.push({ event: 'acknowledged', id, by: acknowledged });
    }
    return events;
  }

  #forget(traps: readonly MergedTrap[]): void {
    const kept = new Set(traps.map(({ id }) => id));
    for (const id of this.#known.keys()) {
      if (this.#known.size <= KNOWN_MOST / 2) return;
      if (!kept.has(id)) this.#known.delete(id);
    }
  }
}
