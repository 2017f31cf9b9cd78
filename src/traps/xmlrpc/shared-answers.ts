import type { Fragment } from './method.ts';

/** Of answers that are held ready for the next who asks the same. */
const ANSWERS_MOST = 64;
const CHARACTERS_MOST = 16 << 20;

/**
 * Answers that are made once for each state of what they tell, and shared by all who ask the same;
 * bounded in number and size, those that were asked for last stay.
 */
export class SharedAnswers {
  readonly #answers = new Map<string, Fragment>();
  #characters = 0;
  #state: unknown;

  /** @param state whatever was made in another state is forgotten */
  of(state: unknown, key: string, make: () => Fragment): Fragment {
    if (state !== this.#state) this.#clear();
    this.#state = state;
    const answer = this.#answers.get(key) ?? make();
    this.#remove(key);
    this.#answers.set(key, answer);
    this.#characters += answer.value.length;
    // The one that was just asked for may be larger than all that is held.
    for (const oldest of this.#answers.keys()) {
      if (!this.#isOver) break;
      this.#remove(oldest);
    }
    return answer;
  }

  get #isOver(): boolean {
    return this.#answers.size > ANSWERS_MOST || this.#characters > CHARACTERS_MOST;
  }

  #remove(key: string): void {
    this.#characters -= this.#answers.get(key)?.value.length ?? 0;
    this.#answers.delete(key);
  }

  #clear(): void {
    this.#answers.clear();
    this.#characters = 0;
  }
}
