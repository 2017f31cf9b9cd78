/** How fast the tasks of a job end. */

const WINDOW_SECONDS = 60;

/** Ends of the last minute, by second of the clock. */
export type RecentEnds = Map<number, number>;

/** A task is over, done or failed. What is too old goes, for nobody may ever ask. */
export function countEnd(recent: RecentEnds, nowMs: number): void {
  const second = Math.floor(nowMs / 1000);
  forgetOld(recent, second);
  recent.set(second, (recent.get(second) ?? 0) + 1);
}

/** Ends of tasks per second over the last minute, and the time that is left at that rate. */
export function rateOf(
  recent: RecentEnds,
  left: number,
  nowMs: number,
): { ratePerSecond: number; etaMs: number | null } {
  const second = Math.floor(nowMs / 1000);
  forgetOld(recent, second);
  let ends = 0;
  let first = second;
  for (const [at, count] of recent) {
    ends += count;
    first = Math.min(first, at);
  }
  const ratePerSecond = ends / Math.max(1, second - first + 1);
  return {
    ratePerSecond,
    etaMs: ratePerSecond > 0 ? Math.round((left / ratePerSecond) * 1000) : null,
  };
}

/** The oldest stand first, unless the clock was set back. */
function forgetOld(recent: RecentEnds, second: number): void {
  for (const at of recent.keys()) {
    if (at >= second - WINDOW_SECONDS) return;
    recent.delete(at);
  }
}
