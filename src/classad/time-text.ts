import { type AbsTime, absTime, type RelTime, relTime, relTimeOrError } from './scalar.ts';

const DAY = 86_400;

export interface CalendarTime {
  readonly year: number;
  /** From 1. */
  readonly month: number;
  readonly day: number;
  readonly hours: number;
  readonly minutes: number;
  readonly seconds: number;
  /** From 0: Sunday. */
  readonly weekday: number;
  /** From 0. */
  readonly yearday: number;
}

/** What calendar and clock on the wall show at that time in its own zone. */
export function calendarOf({ epochSeconds, offsetSeconds }: AbsTime): CalendarTime {
  const date = new Date((epochSeconds + offsetSeconds) * 1000);
  const year = date.getUTCFullYear();
  const dayStart = Date.UTC(year, date.getUTCMonth(), date.getUTCDate());
  return {
    year,
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hours: date.getUTCHours(),
    minutes: date.getUTCMinutes(),
    seconds: date.getUTCSeconds(),
    weekday: date.getUTCDay(),
    yearday: Math.round((dayStart - Date.UTC(year, 0, 1)) / (DAY * 1000)),
  };
}

/** `YYYY-MM-DDTHH:MM:SS±HH:MM` */
export function printAbsTime(time: AbsTime): string {
  const at = calendarOf(time);
  const offset = Math.abs(time.offsetSeconds);
  const zone = `${time.offsetSeconds < 0 ? '-' : '+'}${two(offset / 3600)}:${two((offset % 3600) / 60)}`;
  const date = `${String(at.year).padStart(4, '0')}-${two(at.month)}-${two(at.day)}`;
  return `${date}T${two(at.hours)}:${two(at.minutes)}:${two(at.seconds)}${zone}`;
}

export function two(value: number): string {
  return String(Math.trunc(value)).padStart(2, '0');
}

const ABSOLUTE =
  /^\s*(\d{4})(?:[-/]?(\d\d)(?:[-/]?(\d\d)(?:[Tt\s]\s*(\d\d)(?::?(\d\d)(?::?(\d\d)(?:\.\d*)?)?)?)?)?)?\s*(?:([Zz])|([+-])(\d\d):?(\d\d))?\s*$/;

/**
 * Reads a date, whole or partial, with or without time of day and zone. Without a zone it is the
 * local one, which `zoneOffsetSeconds` knows. Null for what is no date.
 */
export function readAbsTime(
  text: string,
  zoneOffsetSeconds: ((epochSeconds: number) => number) | null,
): AbsTime | null {
  const match = ABSOLUTE.exec(text);
  if (!match) return null;
  const at = (index: number, fallback: number) => Number(match[index] ?? fallback);
  const [month, day, hours, minutes, seconds] = [at(2, 1), at(3, 1), at(4, 0), at(5, 0), at(6, 0)];
  const midnight = new Date(Date.UTC(2000, month - 1, day));
  midnight.setUTCFullYear(at(1, 0), month - 1, day);
  const isReal = midnight.getUTCMonth() === month - 1 && midnight.getUTCDate() === day;
  if (!isReal || hours > 23 || minutes > 59 || seconds > 60) return null;
  const wall = midnight.getTime() / 1000 + hours * 3600 + minutes * 60 + seconds;
  const offset = zoneOf(match, wall, zoneOffsetSeconds);
  return offset === null ? null : absTime(wall - offset, offset);
}

function zoneOf(
  match: RegExpExecArray,
  wall: number,
  zoneOffsetSeconds: ((epochSeconds: number) => number) | null,
): number | null {
  if (match[7] !== undefined) return 0;
  if (match[8] !== undefined) {
    const offset = Number(match[9]) * 3600 + Number(match[10]) * 60;
    return match[8] === '-' ? -offset : offset;
  }
  if (!zoneOffsetSeconds) return null;
  // The offset holds for an instant, which the wall's time gives only with the offset known.
  return zoneOffsetSeconds(wall - zoneOffsetSeconds(wall));
}

/** `[-][days+][HH:][MM:]SS[.fff]` */
export function printRelTime({ seconds }: RelTime): string {
  if (!Number.isFinite(seconds)) return String(seconds);
  const whole = Math.trunc(Math.abs(seconds));
  const fraction = fractionOf(Math.abs(seconds));
  const sign = seconds < 0 ? '-' : '';
  const [hours, minutes] = [Math.trunc((whole % DAY) / 3600), Math.trunc((whole % 3600) / 60)];
  const rest = `${two(whole % 60)}${fraction}`;
  if (whole >= DAY) {
    return `${sign}${Math.trunc(whole / DAY)}+${two(hours)}:${two(minutes)}:${rest}`;
  }
  if (whole >= 3600) return `${sign}${two(hours)}:${two(minutes)}:${rest}`;
  return whole >= 60 ? `${sign}${two(minutes)}:${rest}` : `${sign}${rest}`;
}

function fractionOf(seconds: number): string {
  const text = String(seconds);
  const digits = text.includes('e-') ? seconds.toFixed(20).replace(/0+$/, '') : text;
  const point = digits.indexOf('.');
  return point < 0 ? '' : digits.slice(point);
}

const CLOCK =
  /^\s*(-)?(?:(\d{1,12})\+)?(?:(?:(\d{1,12}):)?(\d{1,12}):)?(\d{1,12}(?:\.\d{0,20})?)\s*$/;
const LETTERS =
  /^\s*(-)?(?=\s*\d)(?:\s*(\d{1,12})[dD])?(?:\s*(\d{1,12})[hH])?(?:\s*(\d{1,12})[mM])?(?:\s*(\d{1,12}(?:\.\d{0,20})?)[sS])?\s*$/;

/** Reads `1+02:03:04.5`, `02:03`, `7` or `1d2h3m4.5s`; null for everything else. */
export function readRelTime(text: string): RelTime | null {
  const match = CLOCK.exec(text) ?? LETTERS.exec(text);
  if (!match) return null;
  const [whole = '0', fraction = ''] = (match[5] ?? '0').split('.');
  const at = (index: number) => Number(match[index] ?? 0);
  const sum = at(2) * DAY + at(3) * 3600 + at(4) * 60 + Number(whole);
  // As one decimal: adding the fraction would round a second time.
  const value = relTimeOrError(Number(`${sum}.${fraction}`));
  if (value.kind === 'error') return null;
  return match[1] === undefined ? value : relTime(-value.seconds);
}
