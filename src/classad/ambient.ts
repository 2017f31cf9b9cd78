import type { Ambient } from './value.ts';

/** The surroundings of this process: its clock and chance as given, and the zone it runs in. */
export function localAmbient(parts: Omit<Ambient, 'zoneOffsetSeconds'>): Ambient {
  return {
    now: () => parts.now(),
    random: () => parts.random(),
    elapsedMs: () => parts.elapsedMs(),
    zoneOffsetSeconds: (epochSeconds) => -new Date(epochSeconds * 1000).getTimezoneOffset() * 60,
  };
}
