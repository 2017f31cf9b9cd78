const FIRST_MS = 100;
const MOST_MS = 5000;

/**
 * Delay before try number `failures` (1 for the first repetition): 100 ms doubling to 5 s, and of
 * that a random half, so that a thousand workers do not return in one instant.
 */
export function backoffMs(failures: number, random: () => number, mostMs = MOST_MS): number {
  const full = Math.min(mostMs, FIRST_MS * 2 ** Math.min(failures - 1, 16));
  return full / 2 + (full / 2) * random();
}
