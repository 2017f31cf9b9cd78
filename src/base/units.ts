/** Durations and sizes as people write them, read once at the edge; inside, `Ms` and `Bytes`. */

const DURATION_MS: Record<string, number> = {
  ms: 1,
  s: 1000,
  sec: 1000,
  second: 1000,
  min: 60_000,
  minute: 60_000,
  m: 60_000,
  h: 3_600_000,
  hour: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
};

// Decimal and binary prefixes as IEC 80000-13: 1 MB = 10^6 bytes, 1 MiB = 2^20 bytes.
const SIZE_BYTES: Record<string, number> = {
  b: 1,
  byte: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
};

function parseQuantity(text: string, units: Record<string, number>): number | undefined {
  const parts = /^\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*$/.exec(text);
  if (!parts) return undefined;
  const name = parts[2]!.toLowerCase();
  const unit = units[name] ?? units[name.replace(/s$/, '')];
  if (unit === undefined) return undefined;
  const value = Math.round(Number(parts[1]) * unit);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** `"10 min"`, `"1.5h"`, `"90 s"`, `"1 h 30 min"` → milliseconds; undefined if it is no duration. */
export function parseDurationMs(text: string): number | undefined {
  const parts = text.trim().match(/\d+(?:\.\d+)?\s*[A-Za-z]+/g);
  if (!parts || parts.join('').replace(/\s/g, '') !== text.replace(/\s/g, '')) return undefined;
  let total = 0;
  for (const part of parts) {
    const ms = parseQuantity(part, DURATION_MS);
    if (ms === undefined) return undefined;
    total += ms;
  }
  return total;
}

/** `"512 MB"`, `"1 GiB"`, `"4096 B"` → bytes; undefined if it is no size. */
export function parseBytes(text: string): number | undefined {
  return parseQuantity(text, SIZE_BYTES);
}

/** 93784000 → `"1 d 2 h"`; 1500 → `"1.5 s"`. Two units at most. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${trimZero((ms / 1000).toFixed(1))} s`;
  const minutes = Math.round(ms / 1000) / 60;
  if (minutes < 60) return pair(Math.floor(minutes), 'min', Math.round((minutes % 1) * 60), 's');
  const hours = Math.round(ms / 60_000) / 60;
  if (hours < 24) return pair(Math.floor(hours), 'h', Math.round((hours % 1) * 60), 'min');
  const wholeHours = Math.round(hours);
  return pair(Math.floor(wholeHours / 24), 'd', wholeHours % 24, 'h');
}

/** 1536 → `"1.5 KiB"`. */
export function formatBytes(bytes: number): string {
  const names = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let value = bytes;
  let index = 0;
  while (value >= 1024 && index < names.length - 1) {
    value /= 1024;
    index++;
  }
  return `${trimZero(value.toFixed(index === 0 ? 0 : 1))} ${names[index]}`;
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

function trimZero(text: string): string {
  return text.replace(/\.0$/, '');
}
