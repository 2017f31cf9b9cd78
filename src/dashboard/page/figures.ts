/** Figures as people read them. Bytes and durations are those of the command line. */
import { formatBytes, formatDuration } from '#base';
import type { TaskCounts } from '#model';

export const NOTHING = '–';

export function bytes(value: number | null | undefined): string {
  return value === null || value === undefined ? NOTHING : formatBytes(value);
}

export function duration(ms: number | null | undefined): string {
  return ms === null || ms === undefined ? NOTHING : formatDuration(Math.max(0, ms));
}

/** 1234567 → `1,234,567`. */
export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? NOTHING : value.toLocaleString('en');
}

/** 0.8312 → `83 %`; what is short of all is never shown as all. */
export function percent(share: number | null | undefined): string {
  if (share === null || share === undefined) return NOTHING;
  return `${share < 1 ? Math.min(99, Math.floor(share * 100)) : 100} %`;
}

/** Ends per second, minute or hour, whichever reads well. */
export function rate(perSecond: number): string {
  if (perSecond === 0) return '0/s';
  if (perSecond >= 100) return `${count(Math.round(perSecond))}/s`;
  if (perSecond >= 1) return `${perSecond.toFixed(1)}/s`;
  if (perSecond >= 1 / 60) return `${(perSecond * 60).toFixed(1)}/min`;
  return `${(perSecond * 3600).toFixed(1)}/h`;
}

/** Local time, with the day where it is not today. */
export function moment(ms: number | null | undefined, nowMs: number): string {
  if (ms === null || ms === undefined || ms === 0) return NOTHING;
  const [date, now] = [new Date(ms), new Date(nowMs)];
  const two = (value: number): string => String(value).padStart(2, '0');
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  if (date.toDateString() === now.toDateString()) return time;
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${time}`;
}

/** How long ago, in one unit: exact ages only distract. */
export function age(ms: number): string {
  if (ms < 2000) return 'now';
  if (ms < 120_000) return `${Math.round(ms / 1000)} s ago`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min ago`;
  if (ms < 172_800_000) return `${Math.round(ms / 3_600_000)} h ago`;
  return `${Math.round(ms / 86_400_000)} d ago`;
}

/** Tasks that a worker has or that are being checked. */
export function underWay(counts: TaskCounts): number {
  return counts.staging + counts.running + counts.checking;
}

/** Tasks that will not run any more by themselves. */
export function ended(counts: TaskCounts): number {
  return counts.done + counts.failed + counts.removed;
}

/** The parts of a bar in the order in which they are drawn; those without a task are left out. */
export function sharesOf(
  counts: TaskCounts,
): { readonly kind: 'done' | 'failed' | 'held' | 'running'; readonly share: number }[] {
  const rows = rowsOf(counts);
  const parts = [
    { kind: 'done', tasks: counts.done },
    { kind: 'failed', tasks: counts.failed + counts.removed },
    { kind: 'held', tasks: counts.held },
    { kind: 'running', tasks: underWay(counts) },
  ] as const;
  return parts
    .filter(({ tasks }) => tasks > 0)
    .map(({ kind, tasks }) => ({ kind, share: tasks / rows }));
}

export function rowsOf(counts: TaskCounts): number {
  return Object.values(counts).reduce((sum, tasks) => sum + tasks, 0);
}

/** `12 done, 3 failed, 4 running`: what there is of each. */
export function countsText(counts: TaskCounts): string {
  const parts: readonly (readonly [number, string])[] = [
    [counts.done, 'done'],
    [counts.failed, 'failed'],
    [underWay(counts), 'running'],
    [counts.waiting, 'waiting'],
    [counts.held, 'held'],
    [counts.removed, 'removed'],
  ];
  const shown = parts.filter(([tasks]) => tasks > 0);
  return shown.map(([tasks, word]) => `${count(tasks)} ${word}`).join(', ') || 'no tasks';
}

/** `beta=0.44 seed=7` */
export function parametersText(parameters: Readonly<Record<string, string>>): string {
  return Object.entries(parameters)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}
