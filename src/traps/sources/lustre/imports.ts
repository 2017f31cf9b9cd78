/**
 * An import – a client's or server's connection to a target – as its history tells it. The kernel
 * keeps the latest sixteen changes, so a connection that was lost and came back between two looks is
 * found all the same, with its times.
 *
 *   up ──DISCONN, EVICTED …──▶ down ──FULL, IDLE──▶ up
 *                               └─for longer than Lustre's time-out──▶ down for long
 */
import type { TrapCategory, TrapKind } from '#model';
import type { ImportChange, ImportState } from './parse.ts';

export interface ImportNews {
  readonly kind: TrapKind;
  readonly category: TrapCategory;
  /** What happened, to be put behind the name of the target. */
  readonly what: string;
  readonly atMs: number | null;
  /** Tells this change from others of the import; the same for all who read the history. */
  readonly sequence: string;
}

const UP = new Set(['FULL', 'IDLE']);
/** Of an import that has not begun, or was ended by an administrator. */
const AT_REST = new Set(['NEW', 'CLOSED']);

export class ImportWatch {
  #history: readonly ImportChange[] | null = null;
  #downSinceSeconds: number | null = null;
  #isLong = false;
  #worst: TrapCategory = 0;

  get isUp(): boolean {
    return this.#downSinceSeconds === null;
  }

  /** It is news by itself when it stays away for long; else only a change of its state is. */
  get awaitsTime(): boolean {
    return !this.isUp && !this.#isLong;
  }

  /** @param timeoutSeconds Lustre's own (`timeout`), after which being away is critical */
  look(state: ImportState, nowSeconds: number, timeoutSeconds: number): ImportNews[] {
    const news: ImportNews[] = [];
    const { current, history } = state;
    const isFirst = this.#history === null;
    const fresh = isFirst ? sinceLastUp(history) : newChanges(this.#history ?? [], history);
    for (const change of fresh) this.#take(change, sequenceOf(change, history), news);
    this.#history = history;
    this.#agreeWith(current, nowSeconds, news);
    this.#sayLong(nowSeconds, timeoutSeconds, news);
    return news;
  }

  #take({ atSeconds, state }: ImportChange, sequence: string, news: ImportNews[]): void {
    const atMs = atSeconds * 1000;
    if (UP.has(state)) {
      if (!this.isUp)
        news.push({
          kind: 'clear',
          category: 0,
          what: `connected again (${state})`,
          atMs,
          sequence,
        });
      this.#downSinceSeconds = null;
      this.#isLong = false;
      this.#worst = 0;
    } else if (!AT_REST.has(state)) {
      const category = state === 'EVICTED' ? 2 : 1;
      this.#downSinceSeconds ??= atSeconds;
      if (category <= this.#worst) return;
      this.#worst = category;
      const what = state === 'EVICTED' ? 'evicted' : `connection lost (${state})`;
      news.push({ kind: 'raise', category, what, atMs, sequence });
    }
  }

  /** The history may lag behind, or be of a version that has none. */
  #agreeWith(current: string, nowSeconds: number, news: ImportNews[]): void {
    if (AT_REST.has(current) || UP.has(current) === this.isUp) return;
    const change = { atSeconds: nowSeconds, state: current };
    this.#take(change, `${nowSeconds} ${current}`, news);
  }

  #sayLong(nowSeconds: number, timeoutSeconds: number, news: ImportNews[]): void {
    const since = this.#downSinceSeconds;
    if (since === null || this.#isLong || nowSeconds - since < timeoutSeconds) return;
    this.#isLong = true;
    if (this.#worst >= 2) return;
    this.#worst = 2;
    const what = `not connected for ${timeoutSeconds} s and more`;
    const atMs = (since + timeoutSeconds) * 1000;
    news.push({ kind: 'raise', category: 2, what, atMs, sequence: `${since} long` });
  }
}

/** Of a history that is seen for the first time, only what has not ended is news. */
function sinceLastUp(history: readonly ImportChange[]): readonly ImportChange[] {
  return history.slice(history.findLastIndex(({ state }) => UP.has(state)) + 1);
}

/** What stands in `after` beyond the longest end of `before` that it begins with. */
export function newChanges(
  before: readonly ImportChange[],
  after: readonly ImportChange[],
): readonly ImportChange[] {
  for (let from = 0; from < before.length; from++) {
    const common = before.slice(from);
    const isCommon =
      common.length <= after.length &&
      common.every(
        ({ atSeconds, state }, index) =>
          after[index]!.atSeconds === atSeconds && after[index]!.state === state,
      );
    if (isCommon) return after.slice(common.length);
  }
  return after;
}

/** Time, state, and which one of several alike it is. */
function sequenceOf(change: ImportChange, history: readonly ImportChange[]): string {
  const alike = history
    .slice(0, history.indexOf(change))
    .filter(({ atSeconds, state }) => atSeconds === change.atSeconds && state === change.state);
  return `${change.atSeconds} ${change.state} ${alike.length}`;
}
