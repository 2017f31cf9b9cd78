/**
 * Which machines of one start share a file system. Each machine that lacks a file writes a mark of
 * its own and is then asked which marks of those before it are visible to it: file systems are told
 * apart by what is seen, not by names, and the first machine of each copies for all.
 *
 * Because a machine is asked only about marks that were there before its question, and waits only
 * for machines that came before it, no two wait for each other. A mark that is not seen, because a
 * file system shows it late, costs a second copy and nothing else.
 */
export interface Place {
  /** Name of its mark. */
  readonly nonce: string;
  /** Resolves with whether the file is there now; called once. */
  settle(isThere: boolean): void;
}

interface Entry {
  readonly nonce: string;
  readonly file: string;
  readonly settled: Promise<boolean>;
}

export class SharedPlaces {
  readonly #entries: Entry[] = [];

  /** To be called when the machine has written its mark. `earlier`: marks to ask it about. */
  enter(nonce: string, file: string): { place: Place; earlier: readonly string[] } {
    const earlier = this.#entries
      .filter((entry) => entry.file === file)
      .map((entry) => entry.nonce);
    const { promise: settled, resolve: settle } = Promise.withResolvers<boolean>();
    this.#entries.push({ nonce, file, settled });
    return { place: { nonce, settle }, earlier };
  }

  /** Waits for the machines with these marks, one after the other, until one has the file there. */
  async settled(marks: readonly string[]): Promise<boolean> {
    for (const { nonce, settled } of this.#entries) {
      if (marks.includes(nonce) && (await settled)) return true;
    }
    return false;
  }
}
