/**
 * Syslog messages, in the form of RFC 5424, in the older one that RFC 3164 describes, and in
 * whatever devices send instead: then everything is the message.
 */
import type { TrapCategory } from '#model';

export interface SyslogMessage {
  /** 0 (emergency) to 7 (debug). */
  readonly severity: number;
  /** `''` where it is not said. */
  readonly host: string;
  readonly text: string;
  /** By the sender's clock; null where it is not said. */
  readonly atMs: number | null;
  /** `sequenceId` of RFC 5424's `meta`; null where it is not said. */
  readonly sequence: string | null;
}

export const SEVERITIES: readonly string[] = [
  ...(['emerg', 'alert', 'crit', 'err'] as const),
  ...(['warning', 'notice', 'info', 'debug'] as const),
];
const NOTICE = 5;
const CATEGORIES: readonly TrapCategory[] = [3, 3, 2, 2, 1, 0, 0, 0];

export function categoryOfSeverity(severity: number): TrapCategory {
  return CATEGORIES[severity] ?? 0;
}

/** @param nowMs a time without a year is of the year that brings it nearest to now */
export function parseSyslog(text: string, nowMs: number): SyslogMessage {
  const priority = /^<(\d{1,3})>/.exec(text);
  // RFC 3164, 4.3.3: without a priority it is user.notice.
  const severity = priority && Number(priority[1]) <= 191 ? Number(priority[1]) % 8 : NOTICE;
  const rest = priority ? text.slice(priority[0].length) : text;
  const found = /^1 /.test(rest) ? parseNew(rest.slice(2)) : null;
  return { severity, ...(found ?? parseOld(rest, nowMs)) };
}

type Body = Omit<SyslogMessage, 'severity'>;

/** Senders put `meta` first; what is longer is somebody's attempt. */
const DATA_LOOKED_AT = 2000;
const HEADER = /^(\S{1,64}) (\S{1,255}) (\S{1,48}) (\S{1,128}) (\S{1,32}) /;

function parseNew(text: string): Body | null {
  const header = HEADER.exec(text);
  if (!header) return null;
  const [, time = '', host = '', program = ''] = header;
  const data = structuredDataEnd(text, header[0].length);
  if (data === null) return null;
  const structured = text.slice(
    header[0].length,
    Math.min(data, header[0].length + DATA_LOOKED_AT),
  );
  const message = text.slice(data).replace(/^ ?\ufeff?/, '');
  const parsed = time === '-' ? Number.NaN : Date.parse(time);
  return {
    host: host === '-' ? '' : host,
    text: program === '-' ? message : `${program}: ${message}`,
    atMs: Number.isNaN(parsed) || parsed < 0 ? null : parsed,
    sequence: /\[meta [^\]]*?\bsequenceId="(\d{1,10})"/.exec(structured)?.[1] ?? null,
  };
}

/** Where the structured data that begins at `from` ends; null when it is broken. */
function structuredDataEnd(text: string, from: number): number | null {
  if (text[from] === '-') return from + 1;
  let at = from;
  while (text[at] === '[') {
    let isQuoted = false;
    for (at++; at < text.length && (isQuoted || text[at] !== ']'); at++) {
      if (text[at] === '\\' && isQuoted) at++;
      else if (text[at] === '"') isQuoted = !isQuoted;
    }
    if (text[at] !== ']') return null;
    at++;
  }
  return at === from ? null : at;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const OLD_TIME = /^([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d) /;
// The name of a program with its number: then the name of the host was left out.
const TAG = /^[^\s:[\]]{1,64}(?:\[\d+\])?:/;
const HALF_YEAR_MS = 183 * 86_400_000;

function parseOld(text: string, nowMs: number): Body {
  const time = OLD_TIME.exec(text);
  const atMs = time && oldTime(time, nowMs);
  if (!time || atMs === null) return { host: '', text: text.trimEnd(), atMs: null, sequence: null };
  const rest = text.slice(time[0].length);
  const host = TAG.test(rest) ? null : /^(\S{1,255}) /.exec(rest);
  const message = rest.slice(host?.[0].length ?? 0).trimEnd();
  return { host: host?.[1] ?? '', text: message, atMs, sequence: null };
}

/** It has no year and no zone: both are those of this machine. */
function oldTime([, month = '', ...parts]: RegExpExecArray, nowMs: number): number | null {
  const index = MONTHS.indexOf(month);
  const [day = 0, hour = 0, minute = 0, second = 0] = parts.map(Number);
  if (index < 0 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60) return null;
  const year = new Date(nowMs).getFullYear();
  const candidates = [year - 1, year, year + 1].map((one) =>
    new Date(one, index, day, hour, minute, second).getTime(),
  );
  return candidates.find((ms) => Math.abs(ms - nowMs) <= HALF_YEAR_MS) ?? candidates[1]!;
}
