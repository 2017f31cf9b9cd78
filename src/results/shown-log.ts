import type { StoredPart } from './segment-reader.ts';

/**
 * A log is stored as its two halves joined, the cut at `floor(bytes / 2)`. The mark that shows it
 * is put in only for people, so that a program cannot print a forged one.
 */
export function cutPosition(part: { readonly bytes: number; readonly cutBytes: number }): number {
  return part.cutBytes > 0 ? Math.floor(part.bytes / 2) : part.bytes;
}

/** The pieces of a log as people see them, `[… N bytes cut …]` on a line of its own at the cut. */
export function* shownPieces(part: StoredPart): Generator<Buffer> {
  if (part.cutBytes === 0) {
    yield* part.pieces();
    return;
  }
  const cut = cutPosition(part);
  const mark = Buffer.from(`\n[… ${part.cutBytes} bytes cut …]\n`);
  let at = 0;
  let marked = false;
  for (const piece of part.pieces()) {
    const split = cut - at;
    at += piece.length;
    if (marked || split > piece.length) {
      yield piece;
      continue;
    }
    marked = true;
    if (split > 0) yield piece.subarray(0, split);
    yield mark;
    if (split < piece.length) yield piece.subarray(split);
  }
  if (!marked) yield mark;
}
