import type { Ambient } from '../value.ts';

/** A place two hours east of Greenwich where it is always the billionth second, chance always 1/4. */
export function stillAmbient(): Ambient {
  let elapsed = 0;
  return {
    now: () => 1_000_000_000_000,
    random: () => 0.25,
    zoneOffsetSeconds: () => 7200,
    elapsedMs: () => {
      elapsed += 1;
      return elapsed;
    },
  };
}
