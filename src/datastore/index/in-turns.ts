/** Long work on very many rows, cut into pieces, so that transfers and requests have their turns. */
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Of the smallest work a few hundred microseconds, of the largest a few milliseconds. */
const PIECE_ROWS = 2 ** 15;

/** Yields how many rows it has just looked at; what it returns is what came of it. */
export type InPieces<T = void> = Generator<number, T, void>;

/** Does `work` for all of `count` rows, from `begin` up to `end` at a time. */
export function* piecesOf(
  count: number,
  work: (begin: number, end: number) => void,
): InPieces<void> {
  for (let begin = 0; begin < count; begin += PIECE_ROWS) {
    const end = Math.min(count, begin + PIECE_ROWS);
    work(begin, end);
    yield end - begin;
  }
}

/** Others have their turn whenever as many rows as make a piece have been looked at. */
export async function inTurns<T>(pieces: InPieces<T>): Promise<T> {
  let rows = 0;
  for (;;) {
    const step = pieces.next();
    if (step.done === true) return step.value;
    rows += step.value;
    if (rows < PIECE_ROWS) continue;
    rows = 0;
    await nextTurn();
  }
}
