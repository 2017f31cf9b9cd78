import { formatBytes, formatDuration, printable } from '#base';
import type { FailureGroup, JobStats, PercentilesView } from '#wire';
import {
  formatCount,
  formatCounts,
  formatFraction,
  formatMoment,
  lookOf,
  parametersText,
} from './format.ts';
import type { Output } from './output.ts';
import { formatFacts, formatTable } from './text-table.ts';
import { networkText } from './usage-text.ts';

/** Everything of A8 as text: what, who, how long, and what failed. */
export function statsText(stats: JobStats, output: Output, reach = ''): string {
  const parts = [
    headText(stats),
    timesText(stats, output),
    workersText(stats, output),
    failuresText(stats, reach),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

/**
 * What remains to be said in a quiet run: nothing, or what failed and what is held. `reach` is what
 * commands need to find the server, e.g. ` --state out`.
 */
export function failuresText(stats: JobStats, reach = ''): string {
  return [groupsText(stats), heldText(stats, reach)].filter((part) => part !== '').join('\n');
}

/** Held tasks have no signature: each has a reason of its own, and waits for somebody to read it. */
function heldText({ job, counts: { held } }: JobStats, reach: string): string {
  if (held === 0) return '';
  const which = held === 1 ? '1 task is held' : `${formatCount(held)} tasks are held`;
  return `${which}; why: windrow show ${job} --tasks --only held${reach}\n`;
}

function groupsText(stats: JobStats): string {
  if (stats.failures.length === 0) return '';
  const groups = stats.failures.map((group) => groupText(group, stats.job));
  const more =
    stats.failuresLeftOut > 0 ? `  and ${formatCount(stats.failuresLeftOut)} more kinds\n` : '';
  return `Failures by kind:\n${groups.join('')}${more}`;
}

function groupText(group: FailureGroup, job: number): string {
  const { example } = group;
  const parameters = printable(parametersText(example.parameters));
  const tasks = `${formatCount(group.tasks)} task${group.tasks === 1 ? '' : 's'}`;
  const lines = [
    `  ${tasks}: ${printable(group.signature || group.cause)}`,
    `    e.g. ${job}.${example.task}${parameters === '' ? '' : ` (${parameters})`}`,
  ];
  if (example.reason !== '') lines.push(`    ${printable(example.reason)}`);
  return `${lines.join('\n')}\n`;
}

function headText(stats: JobStats): string {
  const causes = Object.entries(stats.causes)
    .filter(([, count]) => (count ?? 0) > 0)
    .map(([cause, count]) => `${formatCount(count ?? 0)} ${cause}`);
  return formatFacts([
    ['job', `${stats.job} ${stats.name}`],
    ['state', stats.state],
    ['tasks', formatCounts(stats.counts)],
    ['taken over', stats.reused > 0 ? `${formatCount(stats.reused)} from an earlier run` : ''],
    [
      'attempts',
      `${formatCount(stats.attempts)}${causes.length > 0 ? `: ${causes.join(', ')}` : ''}`,
    ],
    ['started', formatMoment(stats.startedAtMs)],
    ['ended', formatMoment(stats.endedAtMs)],
    ['elapsed', formatDuration(stats.elapsedMs)],
    ['efficiency', formatFraction(stats.efficiency)],
    [
      'memory',
      stats.memoryPeakBytes === null ? '' : `${formatBytes(stats.memoryPeakBytes)} at most`,
    ],
    ['disks', disksText(stats)],
    ['scratch', stats.diskPeakBytes === null ? '' : `${formatBytes(stats.diskPeakBytes)} at most`],
    ['processes', stats.tasksPeak === null ? '' : `${formatCount(stats.tasksPeak)} at most`],
    ['network', countedText(stats)],
    ['walls', wallsText(stats)],
    ['switches', stats.contextSwitches === null ? '' : formatCount(stats.contextSwitches)],
  ]);
}

/** `40 full, 2 private (wanted full)`; nothing where nobody wanted any. */
function wallsText({ walls }: JobStats): string {
  if (walls.every(({ wanted, had }) => wanted === 'bare' && had === 'bare')) return '';
  const parts = walls.map(({ wanted, had, attempts }) => {
    const wish = wanted === had || wanted === 'listed' ? '' : ` (wanted ${wanted})`;
    return `${formatCount(attempts)} ${had}${wish}`;
  });
  return parts.join(', ');
}

function countedText({ network, networkAttempts, attempts }: JobStats): string {
  const text = networkText(network)
    .replace(/^network /, '')
    .replace(/^no .*/, 'no traffic');
  const isPart = text !== '' && networkAttempts < attempts;
  return isPart ? `${text} (of ${formatCount(networkAttempts)} attempts)` : text;
}

function disksText({ ioReadBytes, ioWriteBytes }: JobStats): string {
  if (ioReadBytes === null && ioWriteBytes === null) return '';
  return `${formatBytes(ioReadBytes ?? 0)} read, ${formatBytes(ioWriteBytes ?? 0)} written`;
}

function timesText(stats: JobStats, output: Output): string {
  const rows = [timesRow('wall', stats.wall), timesRow('cpu', stats.cpu)].filter(
    (row) => row !== null,
  );
  if (rows.length === 0) return '';
  const right = (title: string) => ({ title, align: 'right' }) as const;
  const columns = [
    { title: 'TIME' },
    ...['MIN', 'MEDIAN', 'P90', 'P99', 'MAX', 'MEAN', 'SUM'].map(right),
  ];
  return formatTable(columns, rows, lookOf(output));
}

function timesRow(name: string, times: PercentilesView | null): string[] | null {
  if (times === null) return null;
  const { minMs, p50Ms, p90Ms, p99Ms, maxMs, meanMs, sumMs } = times;
  return [name, ...[minMs, p50Ms, p90Ms, p99Ms, maxMs, meanMs, sumMs].map(formatDuration)];
}

function workersText(stats: JobStats, output: Output): string {
  if (stats.workers.length === 0) return '';
  const columns = [
    { title: 'WORKER' },
    { title: 'TASKS', align: 'right' },
    { title: 'ATTEMPTS', align: 'right' },
    { title: 'BUSY', align: 'right' },
    { title: 'CPU TIME', align: 'right' },
    { title: 'EFFICIENCY', align: 'right' },
    { title: 'FAILURES' },
  ] as const;
  const rows = stats.workers.map((worker) => [
    worker.worker,
    formatCount(worker.done),
    formatCount(worker.attempts),
    formatDuration(worker.busyMs),
    worker.cpuMs === 0 ? '-' : formatDuration(worker.cpuMs),
    formatFraction(worker.efficiency),
    Object.entries(worker.failures)
      .map(([cause, count]) => `${count} ${cause}`)
      .join(', '),
  ]);
  const more =
    stats.workersLeftOut > 0 ? `and ${formatCount(stats.workersLeftOut)} more workers\n` : '';
  return formatTable(columns, rows, lookOf(output)) + more;
}
