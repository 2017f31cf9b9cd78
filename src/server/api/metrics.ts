/**
 * Metrics in the text format of Prometheus, version 0.0.4, made from memory at the time of asking.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */
import { CAUSES, TASK_STATE_NAMES } from '#model';
import type { Core, Job, Worker } from '../core.ts';
import type { DataFigures } from './data-metrics.ts';

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [Labels, number];

export function metricsText(core: Core, startedAtMs: number, data: DataFigures | null): string {
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
    networkFamily(jobs),
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
    ...workerFamilies(core, workers),
    ...(data === null ? [] : dataFamilies(data)),
    family('windrow_start_time_seconds', 'gauge', 'When the server started.', [
      [{}, startedAtMs / 1000],
    ]),
    family('process_resident_memory_bytes', 'gauge', 'Resident memory.', [
      [{}, process.memoryUsage.rss()],
    ]),
    family('process_cpu_seconds_total', 'counter', 'CPU time.', [[{}, cpuSeconds()]]),
  ].join('');
}

/** By the comments of the rules that counted; of all jobs that the server knows. */
function networkFamily(jobs: readonly Job[]): string {
  const bytes = new Map<string, number>();
  for (const { statistics } of jobs) {
    for (const [name, count] of Object.entries(statistics.totals.network ?? {})) {
      bytes.set(name, (bytes.get(name) ?? 0) + count);
    }
  }
  const samples = [...bytes].map(([counted, count]): Sample => [{ counted }, count]);
  const help = 'Counted traffic of attempts, by what counted it.';
  return family('windrow_network_bytes_total', 'counter', help, samples);
}

type WorkerFigure = (worker: Worker, nowMs: number) => number | null;

/** One sample for each worker that is there; null where it has not told. */
const WORKER_FAMILIES: readonly (readonly [string, string, string, WorkerFigure])[] = [
  ['slots', 'gauge', 'Slots.', ({ slots }) => slots],
  ['busy_slots', 'gauge', 'Slots taken.', ({ used }) => used.cpus],
  ['gpus', 'gauge', 'GPUs.', ({ gpus }) => gpus],
  ['busy_gpus', 'gauge', 'GPUs taken.', ({ used }) => used.gpus],
  ['done_total', 'counter', 'Attempts that ended well.', ({ totals }) => totals.done],
  ['failed_total', 'counter', 'Attempts that ended otherwise.', ({ totals }) => totals.failed],
  ['busy_seconds_total', 'counter', 'Wall time of attempts.', ({ totals }) => totals.busyMs / 1000],
  ['cpu_seconds_total', 'counter', 'CPU time of attempts.', ({ totals }) => totals.cpuMs / 1000],
  ['load', 'gauge', 'Load of the machine.', ({ machine }) => machine?.loadAverage ?? null],
  ['memory_bytes', 'gauge', 'Memory of the machine.', ({ memoryBytes }) => memoryBytes],
  ['memory_free_bytes', 'gauge', 'Memory left.', ({ machine }) => machine?.memoryFreeBytes ?? null],
  ['disk_free_bytes', 'gauge', 'Room on its disk.', ({ diskFreeBytes }) => diskFreeBytes],
  [
    'round_trip_seconds',
    'gauge',
    'To the server and back.',
    ({ machine }) => (machine?.roundTripMs == null ? null : machine.roundTripMs / 1000),
  ],
  [
    'data_hits_total',
    'counter',
    'Inputs that lay on its machine.',
    ({ inputStore }) => inputStore?.hits ?? null,
  ],
  [
    'data_misses_total',
    'counter',
    'Inputs that had to come.',
    ({ inputStore }) => inputStore?.misses ?? null,
  ],
  [
    'data_fetched_bytes_total',
    'counter',
    'Bytes that came for them.',
    ({ inputStore }) => inputStore?.fetchedBytes ?? null,
  ],
  [
    'data_damaged_total',
    'counter',
    'Stored files that were found damaged.',
    ({ inputStore }) => inputStore?.damaged ?? null,
  ],
  [
    'silent_seconds',
    'gauge',
    'Since it was last heard.',
    ({ lastHeardMs }, nowMs) => Math.max(0, nowMs - lastHeardMs) / 1000,
  ],
];

function workerFamilies(core: Core, workers: readonly Worker[]): string[] {
  const nowMs = core.clock.monotonic();
  const there = workers.filter(({ state }) => state !== 'lost');
  return WORKER_FAMILIES.map(([name, type, help, figure]) => {
    const samples = there.flatMap((worker): Sample[] => {
      const value = figure(worker, nowMs);
      return value === null ? [] : [[{ worker: worker.name, id: worker.id }, value]];
    });
    return family(`windrow_worker_${name}`, type, help, samples);
  });
}

function dataFamilies(data: DataFigures): string[] {
  const one = (name: string, type: string, help: string, value: number) =>
    family(`windrow_data_${name}`, type, help, [[{}, value]]);
  return [
    one('entries', 'gauge', 'Entries of the datastore.', data.entries),
    one('bytes', 'gauge', 'Bytes of their contents, each counted once.', data.bytes),
    one('pinned_entries', 'gauge', 'Entries that are pinned.', data.pinned),
    one('hits_total', 'counter', 'Requests served by what was there.', data.hits),
    one('misses_total', 'counter', 'Requests for which bytes had to come.', data.misses),
    one('fetched_bytes_total', 'counter', 'Bytes that came for them.', data.fetchedBytes),
    one('evicted_total', 'counter', 'Entries that ageing removed.', data.evicted),
    one('evicted_bytes_total', 'counter', 'Room that ageing made.', data.evictedBytes),
    one('damaged_total', 'counter', 'Stored files that were found damaged.', data.damaged),
  ];
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
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

/** Just these three have a form of their own in the format. */
function escapeLabel(value: string): string {
  return value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');
}
