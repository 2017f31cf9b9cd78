import type { AbsTime } from './scalar.ts';
import { type CalendarTime, calendarOf, two } from './time-text.ts';

const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = [
  ...['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August'],
  ...['September', 'October', 'November', 'December'],
];

type Conversion = (at: CalendarTime, time: AbsTime) => string;

const short = (names: readonly string[], index: number) => names[index]!.slice(0, 3);
const padded = (value: number, width: number) => String(value).padStart(width, ' ');
const hour12 = ({ hours }: CalendarTime) => hours % 12 || 12;

/** ISO 8601: weeks begin on Monday, and the first has the year's first Thursday. */
function isoWeek(at: CalendarTime): { year: number; week: number } {
  const thursday = new Date(Date.UTC(at.year, at.month - 1, at.day + 4 - (at.weekday || 7)));
  const year = thursday.getUTCFullYear();
  const days = (thursday.getTime() - Date.UTC(year, 0, 1)) / 86_400_000;
  return { year, week: Math.floor(days / 7) + 1 };
}

function zoneText(offsetSeconds: number): string {
  const minutes = Math.trunc(Math.abs(offsetSeconds) / 60);
  return `${offsetSeconds < 0 ? '-' : '+'}${two(minutes / 60)}${two(minutes % 60)}`;
}

/** C's `strftime` in the C locale. */
const CONVERSIONS: ReadonlyMap<string, Conversion> = new Map<string, Conversion>([
  ['a', ({ weekday }) => short(WEEKDAYS, weekday)],
  ['A', ({ weekday }) => WEEKDAYS[weekday]!],
  ['b', ({ month }) => short(MONTHS, month - 1)],
  ['B', ({ month }) => MONTHS[month - 1]!],
  ['h', ({ month }) => short(MONTHS, month - 1)],
  ['c', (_, time) => formatCalendar(time, '%a %b %e %H:%M:%S %Y')],
  ['C', ({ year }) => two(year / 100)],
  ['d', ({ day }) => two(day)],
  ['D', (_, time) => formatCalendar(time, '%m/%d/%y')],
  ['e', ({ day }) => padded(day, 2)],
  ['F', (_, time) => formatCalendar(time, '%Y-%m-%d')],
  ['g', (at) => two(isoWeek(at).year % 100)],
  ['G', (at) => String(isoWeek(at).year)],
  ['H', ({ hours }) => two(hours)],
  ['I', (at) => two(hour12(at))],
  ['j', ({ yearday }) => String(yearday + 1).padStart(3, '0')],
  ['k', ({ hours }) => padded(hours, 2)],
  ['l', (at) => padded(hour12(at), 2)],
  ['m', ({ month }) => two(month)],
  ['M', ({ minutes }) => two(minutes)],
  ['n', () => '\n'],
  ['p', ({ hours }) => (hours < 12 ? 'AM' : 'PM')],
  ['r', (_, time) => formatCalendar(time, '%I:%M:%S %p')],
  ['R', (_, time) => formatCalendar(time, '%H:%M')],
  ['s', (_, { epochSeconds }) => String(epochSeconds)],
  ['S', ({ seconds }) => two(seconds)],
  ['t', () => '\t'],
  ['T', (_, time) => formatCalendar(time, '%H:%M:%S')],
  ['u', ({ weekday }) => String(weekday || 7)],
  ['U', ({ yearday, weekday }) => two((yearday + 7 - weekday) / 7)],
  ['V', (at) => two(isoWeek(at).week)],
  ['w', ({ weekday }) => String(weekday)],
  ['W', ({ yearday, weekday }) => two((yearday + 7 - ((weekday + 6) % 7)) / 7)],
  ['x', (_, time) => formatCalendar(time, '%m/%d/%y')],
  ['X', (_, time) => formatCalendar(time, '%H:%M:%S')],
  ['y', ({ year }) => two(year % 100)],
  ['Y', ({ year }) => String(year)],
  ['z', (_, { offsetSeconds }) => zoneText(offsetSeconds)],
  ['Z', (_, { offsetSeconds }) => (offsetSeconds === 0 ? 'UTC' : zoneText(offsetSeconds))],
  ['%', () => '%'],
]);

/** Formats a time in its own zone; conversions that do not exist stay as they are. */
export function formatCalendar(time: AbsTime, format: string): string {
  const at = calendarOf(time);
  return format.replace(
    /%[EO]?([a-zA-Z%])/g,
    (whole, letter: string) => CONVERSIONS.get(letter)?.(at, time) ?? whole,
  );
}
