/** What the collector tells of itself: files that it cannot read, messages that are lost, a full disk. */
import type { TrapCategory, TrapRecord } from '#model';
import { isMissing } from '../collector/beat-reports.ts';
import { trapReport } from '../report.ts';
import type { TrapSink } from './port.ts';

const SOURCE = 'collector';
const OVER: TrapCategory = 0;

export class OwnTroubles {
  readonly #sink: TrapSink;
  readonly #node: string;
  readonly #life: string;
  #count = 0;

  /**
   * @param node what this machine is called
   * @param life tells this life of the collector from others, whose numbers of processes may be the same
   */
  constructor(sink: TrapSink, node: string, life: string) {
    this.#sink = sink;
    this.#node = node;
    this.#life = life;
  }

  /** A trouble begins, or is over with category 0. */
  tell(category: TrapCategory, condition: string, message: string): void {
    const kind = category === OVER ? 'clear' : 'raise';
    const sequence = `${this.#life}.${++this.#count}`;
    const about = { node: this.#node, source: SOURCE, condition, sequence };
    this.#sink.accept(trapReport({ ...about, kind, category, message }));
  }

  /** What an earlier life told of is over; what lasts is told anew. */
  endEarlier(holding: readonly TrapRecord[]): void {
    for (const trap of holding) {
      if (trap.source !== SOURCE || trap.node !== this.#node || isMissing(trap)) continue;
      this.tell(OVER, trap.condition, `not any more: ${trap.message}`);
    }
  }
}
