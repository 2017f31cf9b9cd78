import type { Silence, Trap } from '#model';
import { fitsPattern } from './pattern.ts';

/** Messages are long and come often: a pattern is held against their beginning. */
const MESSAGE_LOOKED_AT = 1000;
export const SILENCES_MOST = 1000;

/** The silences that hold, and which of them hides a trap. */
export class Silences {
  readonly #byId = new Map<string, Silence>();

  get all(): Silence[] {
    return [...this.#byId.values()];
  }

  get(id: string): Silence | undefined {
    return this.#byId.get(id);
  }

  get size(): number {
    return this.#byId.size;
  }

  get isFull(): boolean {
    return this.#byId.size >= SILENCES_MOST;
  }

  add(silence: Silence): void {
    this.#byId.set(silence.id, silence);
  }

  remove(id: string): boolean {
    return this.#byId.delete(id);
  }

  /** Ends and answers with those whose time is over. */
  takeEnded(nowMs: number): Silence[] {
    const ended = this.all.filter(({ endsAtMs }) => endsAtMs <= nowMs);
    for (const { id } of ended) this.#byId.delete(id);
    return ended;
  }

  /** The id of one that hides the trap, or null. */
  hiding(trap: Pick<Trap, 'node' | 'fileSystem' | 'message' | 'category'>): string | null {
    for (const silence of this.#byId.values()) if (hides(silence, trap)) return silence.id;
    return null;
  }
}

function hides(
  silence: Silence,
  trap: Pick<Trap, 'node' | 'fileSystem' | 'message' | 'category'>,
): boolean {
  return (
    trap.category <= silence.categoryMost &&
    (silence.fileSystem === '' || silence.fileSystem === trap.fileSystem) &&
    (silence.node === '' || fitsPattern(trap.node, silence.node)) &&
    (silence.message === '' ||
      fitsPattern(trap.message.slice(0, MESSAGE_LOOKED_AT), silence.message))
  );
}
