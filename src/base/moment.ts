/** Moments as people write them, in local time unless they say otherwise. */

const TIME_OF_DAY = /^(\d{1,2}):(\d{2})(?::(\d{2}))?$/;
const DATE_AND_TIME =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2}))?(Z|[+-]\d{2}:?\d{2})?)?$/;

/**
 * `14:30` (the next one), `2026-03-01`, `2026-03-01 14:30`, `2026-03-01T14:30:00Z` (RFC 3339) →
 * milliseconds since the epoch; undefined if it is no moment.
 */
export function parseMoment(text: string, nowMs: number): number | undefined {
  const trimmed = text.trim();
  const day = TIME_OF_DAY.exec(trimmed);
  if (day) return nextTimeOfDay(day, nowMs);
  const parts = DATE_AND_TIME.exec(trimmed);
  if (!parts) return undefined;
  const [year, month, date, hour, minute, second] = parts
    .slice(1, 7)
    .map((part) => Number(part ?? 0));
  const local = new Date(year!, month! - 1, date!, hour, minute, second);
  const isDate = local.getMonth() === month! - 1 && local.getDate() === date;
  if (!isDate || !isTime(hour!, minute!, second!)) return undefined;
  if (parts[7] === undefined) return local.getTime();
  return Date.UTC(year!, month! - 1, date!, hour, minute, second) - zoneMs(parts[7]);
}

/** `Z`, `+01:30`, `-0800`. */
function zoneMs(zone: string): number {
  if (zone === 'Z') return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2));
  return (zone.startsWith('-') ? -minutes : minutes) * 60_000;
}

function nextTimeOfDay(parts: RegExpExecArray, nowMs: number): number | undefined {
  const [hour, minute, second] = parts.slice(1, 4).map((part) => Number(part ?? 0));
  if (!isTime(hour!, minute!, second!)) return undefined;
  const at = new Date(nowMs);
  at.setHours(hour!, minute!, second!, 0);
  // By the calendar, not by 24 hours: days on which the clocks change are shorter or longer.
  if (at.getTime() <= nowMs) at.setDate(at.getDate() + 1);
  return at.getTime();
}

function isTime(hour: number, minute: number, second: number): boolean {
  return hour < 24 && minute < 60 && second < 60;
}
