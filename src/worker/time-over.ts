/** Timers take no more than 2^31 ms, and a clock may be set meanwhile. */
const LONGEST_TIMER_MS = 60_000;

/** Calls `onOver` once nothing remains; never when there is no limit or `signal` is aborted before. */
export function whenTimeIsOver(
  remainingMs: () => number | null,
  signal: AbortSignal,
  onOver: () => void,
): void {
  const leftMs = remainingMs();
  if (leftMs === null || signal.aborted) return;
  if (leftMs <= 0) return onOver();
  const again = () => whenTimeIsOver(remainingMs, signal, onOver);
  const timer = setTimeout(again, Math.min(Math.ceil(leftMs), LONGEST_TIMER_MS));
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
}
