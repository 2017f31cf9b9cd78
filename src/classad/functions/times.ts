import {
  type AbsTime,
  absTime,
  absTimeOrError,
  ERROR,
  relTimeOrError,
  type Scalar,
} from '../scalar.ts';
import { formatCalendar } from '../strftime.ts';
import { type CalendarTime, calendarOf, readAbsTime, readRelTime } from '../time-text.ts';
import type { Ad, AdValue, Evaluation, Value } from '../value.ts';
import { isInteger, numberOf, valueAttribute } from '../value.ts';
import { type FunctionDefinition, type FunctionTable, made, plain, strict } from './definition.ts';

const DAY = 86_400;

function nowSeconds({ ambient }: Evaluation): number {
  return Math.floor(ambient.now() / 1000);
}

function localTime(evaluation: Evaluation, epochSeconds: number): AbsTime {
  return absTime(epochSeconds, evaluation.ambient.zoneOffsetSeconds(epochSeconds));
}

const dayTime = plain(0, 0, (_, evaluation) => {
  const at = calendarOf(localTime(evaluation, nowSeconds(evaluation)));
  return relTimeOrError(at.hours * 3600 + at.minutes * 60 + at.seconds);
});

type Field = (parts: { readonly calendar?: CalendarTime; readonly seconds: number }) => Value;

function field(of: Field): FunctionDefinition {
  return strict(1, 1, ([value]) => {
    if (typeof value !== 'object') return ERROR;
    if (value.kind === 'abstime') return of({ calendar: calendarOf(value), seconds: 0 });
    return value.kind === 'reltime' ? of({ seconds: Math.trunc(value.seconds) + 0 }) : ERROR;
  });
}

/** A field that only a date has. */
function dateField(of: (calendar: CalendarTime) => number): FunctionDefinition {
  return field(({ calendar }) => (calendar ? of(calendar) : ERROR));
}

function clockField(name: 'hours' | 'minutes' | 'seconds', unit: number, wrap: number) {
  return field(({ calendar, seconds }) =>
    calendar ? calendar[name] : Math.trunc((seconds % wrap) / unit) + 0,
  );
}

const splitTime = strict(1, 1, ([value], _, scope) => {
  if (typeof value !== 'object') return ERROR;
  if (value.kind === 'abstime') return adOfValues(absoluteParts(value), scope);
  if (value.kind !== 'reltime') return ERROR;
  const whole = Math.trunc(value.seconds) + 0;
  const rest = value.seconds % 60;
  const parts: [string, Scalar][] = [
    ['Type', 'RelativeTime'],
    ['Days', Math.trunc(whole / DAY) + 0],
    ['Hours', Math.trunc((whole % DAY) / 3600) + 0],
    ['Minutes', Math.trunc((whole % 3600) / 60) + 0],
    ['Seconds', Number.isInteger(rest) ? rest + 0 : { kind: 'real', value: rest }],
  ];
  return adOfValues(parts, scope);
});

function absoluteParts(time: AbsTime): [string, Scalar][] {
  const at = calendarOf(time);
  return [
    ['Type', 'AbsoluteTime'],
    ['Year', at.year],
    ['Month', at.month],
    ['Day', at.day],
    ['Hours', at.hours],
    ['Minutes', at.minutes],
    ['Seconds', at.seconds],
    ['Offset', time.offsetSeconds],
  ];
}

function adOfValues(parts: readonly [string, Scalar][], scope: AdValue): AdValue {
  const attributes = parts.map(
    ([name, value]) => [name.toLowerCase(), valueAttribute(name, value)] as const,
  );
  const ad: Ad = { attributes: new Map(attributes), chained: null };
  return { kind: 'classad', ad, lexical: scope, root: scope.root, other: null };
}

/** A time given as a date or as whole seconds since 1970, else null. */
function instantOf(value: Value, evaluation: Evaluation): AbsTime | null {
  if (typeof value === 'object' && value.kind === 'abstime') return value;
  const seconds = typeof value === 'boolean' ? null : numberOf(value);
  if (seconds === null || absTimeOrError(seconds, 0).kind === 'error') return null;
  return localTime(evaluation, Math.trunc(seconds));
}

const formatTime = strict(0, 2, ([value, format = '%c'], evaluation) => {
  const given = value === undefined ? nowSeconds(evaluation) : value;
  const time = instantOf(given, evaluation);
  if (!time || typeof format !== 'string') return ERROR;
  return made(evaluation, formatCalendar(time, format));
});

/** Only a string that stands there as a literal is read as a date: one that is computed is not. */
const absTimeFunction: FunctionDefinition = {
  least: 0,
  most: 2,
  call(args, evaluation, scope) {
    const only = args[0]?.node;
    if (args.length === 1 && only?.kind === 'literal' && typeof only.value === 'string') {
      return readAbsTime(only.value, evaluation.ambient.zoneOffsetSeconds) ?? ERROR;
    }
    return absTimeOf.call(args, evaluation, scope);
  },
};

const absTimeOf = strict(0, 2, (values, evaluation) => {
  const [value, zone] = values;
  const time = instantOf(values.length === 0 ? nowSeconds(evaluation) : value, evaluation);
  if (!time) return ERROR;
  if (zone === undefined) return time;
  return isInteger(zone) ? absTimeOrError(time.epochSeconds, Number(zone)) : ERROR;
});

const relTimeFunction: FunctionDefinition = {
  least: 1,
  most: 1,
  call(args, evaluation, scope) {
    const only = args[0]!.node;
    if (only.kind === 'literal' && typeof only.value === 'string') {
      return readRelTime(only.value) ?? ERROR;
    }
    return relTimeOf.call(args, evaluation, scope);
  },
};

const relTimeOf = strict(1, 1, ([value]) => {
  if (typeof value === 'object' && value.kind === 'reltime') return value;
  const seconds = typeof value === 'boolean' ? null : numberOf(value);
  return seconds === null ? ERROR : relTimeOrError(seconds);
});

export const timeFunctions: FunctionTable = {
  time: plain(0, 0, (_, evaluation) => nowSeconds(evaluation)),
  currenttime: plain(0, 0, (_, evaluation) => localTime(evaluation, nowSeconds(evaluation))),
  timezoneoffset: plain(0, 0, (_, evaluation) =>
    relTimeOrError(evaluation.ambient.zoneOffsetSeconds(nowSeconds(evaluation))),
  ),
  daytime: dayTime,
  getyear: dateField(({ year }) => year),
  getmonth: dateField(({ month }) => month),
  getdayofyear: dateField(({ yearday }) => yearday),
  getdayofmonth: dateField(({ day }) => day),
  getdayofweek: dateField(({ weekday }) => weekday),
  getdays: field(({ calendar, seconds }) => (calendar ? ERROR : Math.trunc(seconds / DAY) + 0)),
  gethours: clockField('hours', 3600, DAY),
  getminutes: clockField('minutes', 60, 3600),
  getseconds: clockField('seconds', 1, 60),
  splittime: splitTime,
  formattime: formatTime,
  abstime: absTimeFunction,
  reltime: relTimeFunction,
};
