/**
 * Does at once for many what is asked for at the same time, or while it was busy with others: a tool
 * of the system takes hardly longer for ten than for one.
 */
export class Gathered<Item, Result = void> {
  readonly #act: Act<Item, Result>;
  readonly #most: number;
  readonly #waiting: Waiting<Item, Result>[] = [];
  #acting = false;

  /** `act` does it for all of its items, with a result for each, or rejects and has done nothing. */
  constructor(act: Act<Item, Result>, most: number) {
    this.#act = act;
    this.#most = most;
  }

  /** Rejects with what `act` says about this item alone. */
  do(item: Item): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    this.#waiting.push({ item, resolve, reject });
    if (!this.#acting) void this.#actOnAll();
    return promise;
  }

  async #actOnAll(): Promise<void> {
    this.#acting = true;
    // What is asked for in this turn comes along.
    await null;
    while (this.#waiting.length > 0) await this.#actOn(this.#waiting.splice(0, this.#most));
    this.#acting = false;
  }

  async #actOn(group: readonly Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await this.#act(group.map(({ item }) => item));
      for (const [index, { resolve }] of group.entries()) resolve(results[index]!);
    } catch (error) {
      // One of them is to blame; the others must not suffer for it.
      if (group.length > 1) for (const one of group) await this.#actOn([one]);
      else group[0]!.reject(error);
    }
  }
}

type Act<Item, Result> = (items: readonly Item[]) => Promise<readonly Result[]>;

interface Waiting<Item, Result> {
  readonly item: Item;
  resolve(result: Result): void;
  reject(error: unknown): void;
}
