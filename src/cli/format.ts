import { formatDuration } from '#base';
import type { TaskCounts } from '#model';
import type { Output } from './output.ts';
import type { TableLook } from './text-table.ts';

/** Local time to the second, as people read it; `-` for what did not happen. */
export function formatMoment(ms: number | null): string {
  if (ms === null || ms === 0) return '-';
  const date = new Date(ms);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** 1234567 → `1,234,567`. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** 0.8312 → `83 %`; less than half a percent short of all is still not all. */
export function formatFraction(fraction: number | null): string {
  if (fraction === null) return '-';
  const percent = fraction < 1 ? Math.min(99, Math.round(fraction * 100)) : 100;
  return `${percent} %`;
}

/** Ends per second, per minute or per hour, whichever reads well. */
export function formatRate(perSecond: number): string {
  if (perSecond === 0) return '0/s';
  if (perSecond >= 1)
    return `${perSecond >= 100 ? formatCount(Math.round(perSecond)) : perSecond.toFixed(1)}/s`;
  return perSecond * 60 >= 1
    ? `${(perSecond * 60).toFixed(1)}/min`
    : `${(perSecond * 3600).toFixed(1)}/h`;
}

export function formatEta(ms: number | null): string {
  return ms === null ? '?' : formatDuration(Math.ceil(ms / 1000) * 1000);
}

/** Tasks that a worker has or that are being checked. */
export function underWay(counts: TaskCounts): number {
  return counts.staging + counts.running + counts.checking;
}

/** `12 done, 3 failed, 4 running`: the states that occur. */
export function formatCounts(counts: TaskCounts): string {
  const parts = Object.entries(counts).filter(([, count]) => count > 0);
  if (parts.length === 0) return 'no tasks';
  return parts.map(([state, count]) => `${formatCount(count)} ${state}`).join(', ');
}

export function lookOf(output: Output): TableLook {
  return { color: output.color, width: output.isTerminal ? output.options.columns() : null };
}

/** `beta=0.44 seed=7`, each value cut to what can be read at a glance. */
export function parametersText(parameters: Readonly<Record<string, string>>): string {
  return Object.entries(parameters)
    .map(([name, value]) => `${name}=${value.length > 40 ? `${value.slice(0, 40)}…` : value}`)
    .join(' ');
}
