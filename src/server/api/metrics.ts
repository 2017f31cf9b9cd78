/**
 * Metrics in the text format of Prometheus, version 0.0.4, made from memory at the time of asking.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */
import { CAUSES, TASK_STATE_NAMES } from '#model';
import type { Core } from '../core.ts';

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [Labels, number];

export function metricsText(core: Core, startedAtMs: number): string {
  const jobs = [...core.jobs.values()];
  const workers = [...core.workers.values()].filter((worker) => worker.kind === 'sync');
  const tasks = TASK_STATE_NAMES.map((state): Sample => {
    const count = jobs.reduce((sum, job) => sum + job.tasks.counts()[state], 0);
    return [{ state }, count];
  });
  const attempts = CAUSES.map((cause): Sample => {
    const count = jobs.reduce((sum, job) => sum + (job.statistics.causes[cause] ?? 0), 0);
    return [{ cause }, count];
  });
  const slots = (state: string): number =>
    workers
      .filter((worker) => worker.state === state)
      .reduce((sum, worker) => sum + worker.slots, 0);
  return [
    family('windrow_tasks', 'gauge', 'Tasks by state.', tasks),
    family('windrow_attempts_total', 'counter', 'Ended attempts by cause.', attempts),
    family('windrow_attempts_running', 'gauge', 'Attempts that workers hold.', [
      [{}, core.leases.size],
    ]),
    family('windrow_jobs_active', 'gauge', 'Jobs that are not over.', [[{}, core.active.size]]),
    family(
      'windrow_workers',
      'gauge',
      'Workers by state.',
      countByState(workers.map((w) => w.state)),
    ),
    family('windrow_slots', 'gauge', 'Slots of active workers.', [[{}, slots('active')]]),
    family(
      'windrow_disk_full',
      'gauge',
      '1 while nothing is handed out because the disk is (nearly) full.',
      [[{}, (core.commit.stalled ?? core.diskLow) === null ? 0 : 1]],
    ),
    family('windrow_start_time_seconds', 'gauge', 'When the server started.', [
      [{}, startedAtMs / 1000],
    ]),
    family('process_resident_memory_bytes', 'gauge', 'Resident memory.', [
      [{}, process.memoryUsage.rss()],
    ]),
    family('process_cpu_seconds_total', 'counter', 'CPU time.', [[{}, cpuSeconds()]]),
  ].join('');
}

function countByState(states: readonly string[]): Sample[] {
  return ['active', 'draining', 'paused', 'lost'].map((state) => [
    { state },
    states.filter((other) => other === state).length,
  ]);
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function family(name: string, type: string, help: string, samples: readonly Sample[]): string {
  const lines = samples.map(([labels, value]) => `${name}${printLabels(labels)} ${value}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

function printLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}
