/** Things of a sync that follow each other and are alike travel as one. */

/** Fewer are not worth it. */
const FEWEST = 4;

export interface Packing<T> {
  /** Where those that can be in one run with the thing at `from` end: at least one behind it. */
  readonly endOfRun: (things: readonly T[], from: number) => number;
  readonly runOf: (things: readonly T[]) => object;
  /** What becomes of a thing that is in no run. */
  readonly brief: (thing: T) => object;
}

export function inRuns<T>(things: readonly T[], { endOfRun, runOf, brief }: Packing<T>): object[] {
  const packed: object[] = [];
  for (let at = 0; at < things.length; ) {
    const to = endOfRun(things, at);
    if (to - at >= FEWEST) packed.push(runOf(things.slice(at, to)));
    else packed.push(...things.slice(at, to).map(brief));
    at = to;
  }
  return packed;
}
