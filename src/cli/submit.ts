import { constants, createReadStream, openSync, statSync } from 'node:fs';
import { Socket } from 'node:net';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { printable, systemReasonOf, type WindrowError } from '#base';
import type { Axis, JobSpec } from '#model';
import type { ApiClient, JobSubmission, JobSubmitted, SubmissionPreview } from '#wire';
import { cliErrors } from './errors.ts';
import { copyEventLog, type EventLogWish } from './event-log-copy.ts';
import { fetchCollected, prepareTarget } from './fetch-output.ts';
import { FOLLOWED, type FollowWish, followJob } from './follow.ts';
import { formatCount } from './format.ts';
import { placedText, placeResults } from './place-results.ts';
import { sendBlobs } from './send-blobs.ts';
import type { World } from './world.ts';

/** A sweep that was read and checked, with what must be sent along. */
export interface PlannedSweep {
  /** Axes of kind `file` carry `local:<index>` into `tables`. */
  readonly spec: JobSpec;
  readonly tables: readonly {
    /** `-`: standard input. */
    readonly path: string;
    /** For messages. */
    readonly file: string;
    readonly format: 'bar' | 'csv' | 'tsv' | 'jsonl' | 'lines';
  }[];
  readonly blobs: readonly {
    readonly path: string;
    readonly sha256: string;
    readonly bytes: number;
  }[];
  readonly key: string;
  readonly keyParts: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
}

export interface SubmitWish extends FollowWish {
  readonly again: boolean;
  readonly whyRerun: boolean;
  readonly dryRun: boolean;
  /** Absolute; where the collected files go when the server is elsewhere. */
  readonly fetchTo?: string;
  /** Where its event log is written when the server is elsewhere. */
  readonly eventLog?: EventLogWish | undefined;
  /** The server has the job. */
  onSubmitted?(): void;
}

/**
 * From a planned sweep to its end: sends what it needs, submits it (or says what submitting would
 * do), and follows the job. Answers with the exit code of `windrow run`.
 */
export async function runSweep(
  client: ApiClient,
  sweep: PlannedSweep,
  wish: SubmitWish,
  world: World,
): Promise<number> {
  const submission = await sendParts(
    client,
    sweep,
    { again: wish.again, isQuiet: wish.quiet || wish.json },
    world,
  );
  if (wish.whyRerun || wish.dryRun) {
    const preview = await client.call('previewJob', { body: submission as never });
    warn(preview.warnings, wish, world);
    if (wish.json) await world.stdout.json({ kind: 'preview', ...preview });
    else await world.stdout.write(previewText(preview));
    return 0;
  }
  if (wish.fetchTo !== undefined) prepareTarget(wish.fetchTo);
  const submitted = await client.call('submitJob', { body: submission as never });
  wish.onSubmitted?.();
  warn(submitted.warnings, wish, world);
  if (wish.json) {
    world.stdout.attempt(`${JSON.stringify({ kind: 'submitted', ...submitted })}\n`);
  } else if (!wish.quiet) world.stderr.attempt(submittedText(submitted, sweep.spec));
  const { job } = submitted;
  const copy = wish.eventLog ? startCopy(client, job, wish.eventLog, world) : null;
  const code = await followJob(client, job, wish, world);
  await copy?.end(code === FOLLOWED.interrupted ? 0 : COPY_MS);
  if (code !== FOLLOWED.interrupted && sweep.spec.place !== null) {
    const placed = await placeResults(client, submitted.job, sweep.spec.place);
    if (!wish.quiet && !wish.json) world.stderr.attempt(placedText(placed));
  }
  if (code === FOLLOWED.interrupted && !wish.quiet) {
    world.stderr.attempt('windrow: interrupted; the same command goes on from here\n');
  }
  if (code !== FOLLOWED.interrupted && wish.fetchTo !== undefined) {
    await fetchCollected(client, submitted.job, wish.fetchTo);
    if (!wish.quiet && !wish.json) {
      world.stderr.attempt(`windrow: results are in ${printable(wish.fetchTo)}\n`);
    }
  }
  return code;
}

/** Its last events come at once; a job that only waits to be released tells of no end. */
const COPY_MS = 5000;

/** A log that cannot be written is no reason to leave the job. */
function startCopy(
  client: ApiClient,
  job: number,
  wish: EventLogWish,
  world: World,
): { readonly end: (withinMs: number) => Promise<void> } {
  const ender = new AbortController();
  const copying = copyEventLog(client, job, wish, ender.signal).catch((error: unknown) => {
    const where = `${printable(wish.eventLog.path)}: ${systemReasonOf(error)}`;
    world.stderr.attempt(`windrow: warning: the event log could not be written: ${where}\n`);
  });
  const end = async (withinMs: number): Promise<void> => {
    const timer = setTimeout(() => ender.abort(), withinMs);
    await copying;
    clearTimeout(timer);
  };
  return { end };
}

/** Uploads tables and blobs, and answers with the job that names them. */
export async function sendParts(
  client: ApiClient,
  sweep: PlannedSweep,
  { again, isQuiet }: { readonly again: boolean; readonly isQuiet: boolean },
  world: World,
): Promise<JobSubmission> {
  const { spec, key, keyParts } = sweep;
  const warnings = [...sweep.warnings];
  const ids: string[] = [];
  for (const table of sweep.tables) {
    const receipt = await sendTable(client, table, world);
    ids.push(receipt.table);
    warnings.push(...receipt.warnings);
  }
  await sendBlobs(client, sweep.blobs, isQuiet, world);
  const axes = spec.axes.map((axis) => withTable(axis, ids));
  return { spec: { ...spec, axes }, key, keyParts, again, warnings };
}

function withTable(axis: Axis, ids: readonly string[]): Axis {
  if (axis.kind !== 'file') return axis;
  const index = /^local:(\d+)$/.exec(axis.table)?.[1];
  return index === undefined ? axis : { kind: 'file', table: ids[Number(index)] ?? axis.table };
}

async function sendTable(
  client: ApiClient,
  { path, file, format }: PlannedSweep['tables'][number],
  world: World,
) {
  const body = path === '-' ? world.stdin : openTable(path, file, world);
  // Kept, because the exchange only says that the body broke off.
  let failure: unknown;
  body.on('error', (error) => {
    failure = error;
  });
  try {
    return await client.call('putTable', { query: { format, file }, body, signal: world.ending });
  } catch (error) {
    if (failure === undefined || world.ending.aborted) throw error;
    throw unreadable(file, failure);
  } finally {
    body.destroy();
  }
}

/**
 * A named pipe, or one of `<(…)`, may have nothing to read for long. It is waited for by events: a
 * thread that waits in the kernel would keep the process from ending.
 */
function openTable(name: string, file: string, world: World): Readable {
  const path = resolve(world.surroundings.directory, name);
  try {
    if (!statSync(path).isFIFO()) return createReadStream(path);
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    return new Socket({ fd, readable: true, writable: false });
  } catch (error) {
    throw unreadable(file, error);
  }
}

function unreadable(file: string, error: unknown): WindrowError {
  const reason = systemReasonOf(error);
  return cliErrors.create('PARAMETERS_UNREADABLE', { file, reason }, { cause: error });
}

function warn(warnings: readonly string[], wish: SubmitWish, world: World): void {
  for (const warning of warnings) {
    if (!wish.json) world.stderr.attempt(`windrow: warning: ${printable(warning)}\n`);
  }
}

function submittedText({ job, outcome, rerun, counts }: JobSubmitted, spec: JobSpec): string {
  const rows = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const name = `job ${job} ${printable(spec.name)}`;
  if (outcome === 'continued') return `windrow: ${name} goes on: ${rerunText(rerun)}\n`;
  // Whoever expects results of an earlier run to count is told at once that they do not, and why.
  const why = rerun.continues === null ? '' : `: ${rerunText(rerun)}`;
  return `windrow: ${name}: ${tasksText(rows)}${why}\n`;
}

function tasksText(count: number): string {
  return `${formatCount(count)} ${count === 1 ? 'task' : 'tasks'}`;
}

/** `90 kept, 10 to run (4 new, 5 unfinished or failed, 1 changed: command)` */
function rerunText(rerun: JobSubmitted['rerun']): string {
  const { kept, fresh, failed, changed } = rerun;
  const parts: string[] = [];
  if (fresh > 0) parts.push(`${formatCount(fresh)} new`);
  if (failed > 0) parts.push(`${formatCount(failed)} unfinished or failed`);
  if (changed > 0) parts.push(`${formatCount(changed)} changed: ${changeText(rerun)}`);
  const why = parts.length > 0 ? ` (${parts.join(', ')})` : '';
  return `${formatCount(kept)} kept, ${formatCount(fresh + failed + changed)} to run${why}`;
}

/** `command, files that it names: solve.py` */
function changeText({ changedParts, changedFiles }: JobSubmitted['rerun']): string {
  // Another command names other files; that says nothing more.
  const isToldOf = (part: string) => part !== 'references' || changedFiles.length > 0;
  const parts = changedParts
    .filter(isToldOf)
    .map((part) => PARTS[part] ?? part)
    .join(', ');
  return changedFiles.length === 0 ? parts : `${parts}: ${printable(changedFiles.join(', '))}`;
}

const PARTS: Readonly<Record<string, string>> = {
  programs: 'program',
  references: 'files that the command names',
};

function previewText(preview: SubmissionPreview): string {
  const earlier =
    preview.continues === null
      ? 'No earlier run is continued.'
      : `Continues job ${preview.continues}.`;
  const examples = preview.examples.map(
    ({ task, why, commandLine }) => `  task ${task}, ${WHY[why]}: ${printable(commandLine)}`,
  );
  const { rows, kept } = preview;
  const left = rows - kept - examples.length;
  const more = left > 0 ? [`  and ${formatCount(left)} more`] : [];
  return `${[`${tasksText(rows)}: ${rerunText(preview)}`, earlier, ...examples, ...more].join('\n')}\n`;
}

const WHY = {
  fresh: 'new',
  failed: 'unfinished or failed',
  changed: 'changed',
} as const;
