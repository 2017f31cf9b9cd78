import { formatBytes, formatDuration } from '#base';
import type { ApiClient, AttemptView, JobDetail, TaskDetail, TaskSummary } from '#wire';
import { findTask, toLook } from '../ask.ts';
import { askedAds, showAds, withJsonAd } from '../asked-ads.ts';
import type { CommandInput } from '../command.ts';
import {
  formatCount,
  formatCounts,
  formatEta,
  formatMoment,
  formatRate,
  lookOf,
  parametersText,
  underWay,
} from '../format.ts';
import type { show as spec } from '../table/look.ts';
import { formatFacts, formatTable } from '../text-table.ts';
import { usageText } from '../usage-text.ts';
import { isolationText, wallsText } from '../walls-text.ts';
import type { World } from '../world.ts';

type Input = CommandInput<typeof spec>;

/** `windrow show` */
export async function show(input: Input, world: World): Promise<number> {
  await toLook(input, world, async (client) => {
    const { job, task } = await findTask(client, input.args[0]);
    if (task !== null && asksForTasks(input)) await showTasks(client, job, input, world, task);
    else if (task !== null) await showTask(client, job, task, input, world);
    else if (input.options.tasks || asksForTasks(input)) await showTasks(client, job, input, world);
    else if (input.options.attempts) await showAttempts(client, job, input, world);
    else await showJob(client, job, input, world);
  });
  return 0;
}

/** Ads are those of tasks here. */
function asksForTasks({ options }: Input): boolean {
  return (options.constraint ?? options.attributes ?? options.format) !== undefined;
}

async function showJob(client: ApiClient, job: number, input: Input, world: World): Promise<void> {
  const detail = await client.call('getJob', { params: { job } });
  if (input.options.json) return await world.stdout.json(detail);
  await world.stdout.write(jobText(detail));
}

function jobText(job: JobDetail): string {
  const { spec, progress } = job;
  const command =
    spec.command.kind === 'shell' ? spec.command.template : spec.command.template.join(' ');
  const live = underWay(job.counts) + job.counts.waiting > 0;
  const facts = formatFacts([
    ['job', String(job.job)],
    ['name', job.name],
    ['command', command],
    ['columns', job.columns.join(', ')],
    ['tasks', `${formatCount(job.rows)}: ${formatCounts(job.counts)}`],
    ['state', stateText(job)],
    ['created', formatMoment(job.createdAtMs)],
    ['started', formatMoment(job.startedAtMs)],
    ['ended', formatMoment(job.endedAtMs)],
    [
      'progress',
      live ? `${formatRate(progress.ratePerSecond)}, ${formatEta(progress.etaMs)} left` : '',
    ],
    ['retries', String(spec.retries)],
    ['timeout', spec.timeoutMs === 0 ? 'none' : formatDuration(spec.timeoutMs)],
    ['needs', needsText(job)],
    ['walls', isolationText(spec.isolation)],
    ['results', spec.results.map((result) => result.name).join(', ')],
    ['output', job.output],
  ]);
  const waiting = job.waiting.map(
    ({ reason, tasks }) => ['waits', `${reason} (${formatCount(tasks)} tasks)`] as const,
  );
  const warnings = job.warnings.map((warning) => ['warning', warning] as const);
  const history = job.history.map(
    ({ atMs, kind, actor, text }) =>
      ['history', `${formatMoment(atMs)} ${kind} by ${actor}: ${text}`] as const,
  );
  return facts + formatFacts([...waiting, ...warnings, ...history]);
}

function needsText(job: JobDetail): string {
  const { cpus, memoryBytes, diskBytes, processes, gpus, timeMs } = job.spec.request;
  const parts = [`${cpus} CPU${cpus === 1 ? '' : 's'}`];
  if (memoryBytes > 0) parts.push(`${formatBytes(memoryBytes)} memory`);
  if (diskBytes > 0) parts.push(`${formatBytes(diskBytes)} disk`);
  if (gpus > 0) parts.push(`${gpus} GPU${gpus === 1 ? '' : 's'}`);
  if (processes > 0) parts.push(`${formatCount(processes)} processes at most`);
  if (timeMs > 0) parts.push(`${formatDuration(timeMs)} of time`);
  return parts.join(', ');
}

function stateText(of: {
  state: string;
  reason: string;
  changedAtMs: number;
  actor: string;
}): string {
  const why = of.reason === '' ? '' : `: ${of.reason}`;
  const when =
    of.changedAtMs === 0 ? '' : ` (since ${formatMoment(of.changedAtMs)}, by ${of.actor})`;
  return `${of.state}${why}${when}`;
}

async function showTask(
  client: ApiClient,
  job: number,
  task: number,
  input: Input,
  world: World,
): Promise<void> {
  const detail = await client.call('getTask', { params: { job, task } });
  if (input.options.json) return await world.stdout.json(detail);
  await world.stdout.write(taskText(detail));
  if (detail.attemptList.length === 0) return;
  await world.stdout.line();
  await world.stdout.write(attemptTable(detail.attemptList, world));
  const used = detail.attemptList.flatMap(({ ticket, usage, walls, asked }) => {
    const text = usage === null ? '' : usageText(usage);
    return [
      ...(text === '' ? [] : [[`used by ${ticket}`, text] as const]),
      ...(asked === null ? [] : [[`given to ${ticket}`, askedText(asked)] as const]),
      ...(walls === null ? [] : [[`walls of ${ticket}`, wallsText(walls)] as const]),
    ];
  });
  if (used.length === 0) return;
  await world.stdout.line();
  await world.stdout.write(formatFacts(used));
}

function taskText(task: TaskDetail): string {
  return formatFacts([
    ['task', `${task.job}.${task.task}`],
    ['command', task.commandLine],
    ['state', stateText(task)],
    ['hold code', holdText(task)],
    ['JobStatus', `${task.status}`],
    ['waits', task.waiting],
    ...Object.entries(task.parameters).map(([name, value]) => [`  ${name}`, value] as const),
  ]);
}

/** `2 GiB memory, 10 min` */
function askedText({
  memoryBytes,
  diskBytes,
  timeoutMs,
}: NonNullable<AttemptView['asked']>): string {
  return [
    ...(memoryBytes > 0 ? [`${formatBytes(memoryBytes)} memory`] : []),
    ...(diskBytes > 0 ? [`${formatBytes(diskBytes)} disk`] : []),
    ...(timeoutMs > 0 ? [formatDuration(timeoutMs)] : []),
  ].join(', ');
}

/** `1 UserRequest, subcode 7` */
function holdText({ hold }: TaskSummary): string {
  if (hold === null) return '';
  return `${hold.code} ${hold.name}${hold.subcode === 0 ? '' : `, subcode ${hold.subcode}`}`;
}

async function showTasks(
  client: ApiClient,
  job: number,
  input: Input,
  world: World,
  only: number | null = null,
): Promise<void> {
  const state = input.options.only as TaskSummary['state'] | undefined;
  const asked = askedAds(input.options);
  const tasks: TaskSummary[] = [];
  const most = only === null ? (input.options.limit ?? 100) : 1;
  await paged(most, async (limit, from = only ?? undefined) => {
    const query = { ...asked.query, state, limit, from };
    const page = await client.call('listTasks', { params: { job }, query });
    // What does not fit is passed over: the next that does may be another.
    tasks.push(...page.tasks.filter(({ task }) => only === null || task === only));
    return { got: page.tasks.length, next: page.next };
  });
  if (input.options.json) return await world.stdout.json({ tasks: tasks.map(withJsonAd) });
  if (asked.show) {
    return await showAds(
      asked.show,
      tasks.map(({ ad }) => ad),
      world,
    );
  }
  const columns = [
    { title: 'TASK', align: 'right' },
    { title: 'STATE' },
    { title: 'ATTEMPTS', align: 'right' },
    { title: 'SINCE' },
    { title: 'PARAMETERS' },
    { title: 'REASON' },
  ] as const;
  const rows = tasks.map((task) => [
    `${job}.${task.task}`,
    task.state,
    String(task.attempts),
    formatMoment(task.changedAtMs),
    parametersText(task.parameters),
    task.reason,
  ]);
  await world.stdout.write(formatTable(columns, rows, lookOf(world.stdout)));
}

async function showAttempts(
  client: ApiClient,
  job: number,
  input: Input,
  world: World,
): Promise<void> {
  const cause = input.options.cause as NonNullable<AttemptView['cause']> | undefined;
  const attempts: AttemptView[] = [];
  await paged(input.options.limit ?? 100, async (limit, from) => {
    const query = { cause, limit, from };
    const page = await client.call('listAttempts', { params: { job }, query });
    attempts.push(...page.attempts);
    return { got: page.attempts.length, next: page.next };
  });
  if (input.options.json) return await world.stdout.json({ attempts });
  await world.stdout.write(attemptTable(attempts, world));
}

/** Asks for pages until `most` items came or there are no more. */
async function paged(
  most: number,
  ask: (limit: number, from: number | undefined) => Promise<{ got: number; next: number | null }>,
): Promise<void> {
  let left = most;
  let from: number | undefined;
  while (left > 0) {
    const { got, next } = await ask(Math.min(left, 1000), from);
    if (next === null) return;
    left -= got;
    from = next;
  }
}

function attemptTable(attempts: readonly AttemptView[], world: World): string {
  const columns = [
    { title: 'TICKET', align: 'right' },
    { title: 'TASK', align: 'right' },
    { title: 'TRY', align: 'right' },
    { title: 'CAUSE' },
    { title: 'STARTED' },
    { title: 'WALL', align: 'right' },
    { title: 'CPU', align: 'right' },
    { title: 'MEMORY', align: 'right' },
    { title: 'WORKER' },
    { title: 'REASON' },
  ] as const;
  return formatTable(columns, attempts.map(attemptRow), lookOf(world.stdout));
}

function attemptRow(attempt: AttemptView): string[] {
  const { usage } = attempt;
  const cpuMs = usage?.cpuUserMs == null ? null : usage.cpuUserMs + (usage.cpuSystemMs ?? 0);
  const reused = attempt.reusedFrom === null ? '' : `taken over from job ${attempt.reusedFrom}`;
  return [
    String(attempt.ticket),
    String(attempt.task),
    String(attempt.number),
    attempt.cause ?? 'running',
    formatMoment(attempt.startedAtMs),
    usage === null ? '-' : formatDuration(usage.wallMs),
    cpuMs === null ? '-' : formatDuration(cpuMs),
    usage?.memoryPeakBytes == null ? '-' : formatBytes(usage.memoryPeakBytes),
    attempt.worker,
    attempt.reason || reused,
  ];
}
