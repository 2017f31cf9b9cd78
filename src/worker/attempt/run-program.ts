/** The step that runs the program: launch, watch, find out how it ended. */
import { resolve } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { formatBytes, messageOf } from '#base';
import type { Measured } from '#model';
import type { Decision } from '#policy';
import type { ProgramEnd, StartFailure, StartRequest } from '#sandbox';
import type { CompiledCommand } from '#sweep';
import { watchDisk } from '../disk-watch.ts';
import { OutputCapture } from '../output-capture.ts';
import { type Attempt, AttemptFault, spoolPath, type Verdict } from './attempt.ts';
import { explainLaunch } from './launch-fault.ts';
import { CANCELLED, verdictOf } from './verdict.ts';
import { endRemains, settleWalls, takeWallsDown, verdictOfLimit } from './walls.ts';
import { toldWithinMs } from './watched.ts';

type Stream = 'stdout' | 'stderr';
type Expand = CompiledCommand['expand'];

export async function runProgram(attempt: Attempt): Promise<void> {
  const { plan, workshop } = attempt;
  attempt.programStartedAtMs = workshop.clock.now();
  const { request, unwatch, end } = await execute(attempt);
  const agoMs = isFailure(end) ? 0 : end.agoMs;
  attempt.programEndedAtMs = workshop.clock.now() - Math.round(agoMs);
  attempt.program = null;
  const governed = workshop.policies.forget(attempt.grant.ticket);
  if (!isFailure(end)) {
    attempt.programEnd = end;
    // It may have waited in its starter, or have been told of late.
    attempt.programStartedAtMs = attempt.programEndedAtMs - Math.round(end.wallMs);
  }
  attempt.withdrawn = isFailure(end) && end.code === 'STARTER_WITHDRAWN';
  const ending = endRemains(attempt, isFailure(end) ? [] : end.stuck);
  if (ending) await ending;
  // The next program runs while this one's figures are read and its results gathered.
  attempt.releaseSlot();
  if (attempt.walls) await nextTurn();
  const exceeded = attempt.walls ? await settleWalls(attempt) : null;
  const sampled = await unwatch?.();
  await takeWallsDown(attempt);
  if (isFailure(end)) throw launchFault(attempt, end, request);
  // What walls measured is more exact, and was put there before.
  const samples: Measured[] = [
    ...(governed ? [governed] : []),
    ...(sampled ? [{ source: 'sampled', figures: sampled } as const] : []),
  ];
  attempt.measured.unshift(
    // CPU times that somebody waited for are whole; sums over looks are not.
    ...(governed ? [{ ...governed, figures: { ...governed.figures, memoryPeakBytes: null } }] : []),
    end.measured,
    ...samples.map((sample) => treeMemory(sample, end.measured)),
  );
  attempt.verdict = verdictOf(end, {
    stopped: attempt.stopped,
    excess: attempt.excess,
    exceeded: exceeded ?? tooManyLeft(attempt, end),
    timeoutMs: attempt.timeoutMs,
    success: plan.job.successExitCode,
    shell: request.file === SHELL,
  });
}

function launchFault(attempt: Attempt, end: StartFailure, request: StartRequest): AttemptFault {
  if (attempt.withdrawn) {
    const { cause, reason } = attempt.stopped ?? CANCELLED;
    return new AttemptFault(cause, reason);
  }
  const words = end.code === 'WALLS_FAILED' ? lastWords(attempt) : '';
  const reason = explainLaunch(end.code, end.message, request);
  return new AttemptFault('launch', words === '' ? reason : `${reason} Its last words: ${words}`);
}

/** What puts walls up says on the standard error why it could not. */
function lastWords({ stderr }: Attempt): string {
  return stderr?.end().lastLine ?? '';
}

const SHELL = '/bin/sh';
/** The program is not there, or is nothing that can be executed. */
const NOT_EXECUTED = new Set(['ENOENT', 'EACCES', 'ENOEXEC', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG']);

interface Execution {
  readonly request: StartRequest;
  readonly unwatch: Unwatch | undefined;
  readonly end: ProgramEnd | StartFailure;
}

/** Ends the watching; resolves with the peaks. */
type Unwatch = () => Promise<Samples>;

interface Samples {
  readonly memoryPeakBytes: number | null;
  readonly diskBytes: number | null;
}

/** Memory of the whole tree counts where it is more than the largest process had. */
function treeMemory({ figures }: Measured, measured: Measured): Measured {
  const { memoryPeakBytes = null, diskBytes = null } = figures;
  const isMore = (memoryPeakBytes ?? 0) > (measured.figures.memoryPeakBytes ?? 0);
  return {
    source: 'sampled',
    figures: { memoryPeakBytes: isMore ? memoryPeakBytes : null, diskBytes },
  };
}

/**
 * A shell command that only starts a program is started without the shell. When that fails nothing
 * has run yet, and the shell decides: it has its own words for a missing command, and runs scripts
 * without `#!`.
 */
async function execute(attempt: Attempt): Promise<Execution> {
  const { command } = attempt.plan;
  if (command.expandDirect) {
    const direct = await executeOnce(attempt, command.expandDirect);
    if (!isFailure(direct.end) || !NOT_EXECUTED.has(direct.end.code)) return direct;
    if (attempt.stopped) return direct;
    await direct.unwatch?.();
  }
  return executeOnce(attempt, command.expand);
}

async function executeOnce(attempt: Attempt, expand: Expand): Promise<Execution> {
  const request = startRequest(attempt, expand);
  attempt.program = attempt.starter.start(request);
  govern(attempt);
  const unwatch = watch(attempt);
  return { request, unwatch, end: await attempt.program.ended };
}

/** Whatever happened in between, no program and no open spill file outlives its attempt. */
export function endProgram(attempt: Attempt): Promise<void> | undefined {
  const { program } = attempt;
  program?.kill(0);
  if (program) return program.ended.then(() => disposeCaptures(attempt));
  disposeCaptures(attempt);
  return undefined;
}

function disposeCaptures(attempt: Attempt): void {
  attempt.stdout?.dispose();
  attempt.stderr?.dispose();
}

function isFailure(end: ProgramEnd | StartFailure): end is StartFailure {
  return 'failed' in end;
}

function startRequest(attempt: Attempt, expand: Expand): StartRequest {
  const { plan, grant, scratch, workshop, devices } = attempt;
  const { job } = plan;
  const outside = job.directory.kind === 'submit' ? job.directory.path : scratch;
  const { file, argv } = expandCommand(attempt, expand);
  attempt.toldWithinMs = toldWithinMs(attempt);
  const inside = attempt.walls ?? { scratch, directory: outside };
  return {
    file: file.includes('/') ? resolve(inside.directory, file) : file,
    argv,
    environment: {
      ...environmentOf(attempt, plan.environment(grant, inside)),
      ...workshop.gpus.variablesFor(devices.gpus),
      ...attempt.variables,
    },
    directory: outside,
    stdin: attempt.stdin,
    ...(attempt.walls && { walls: attempt.walls.launch }),
    timeoutMs: attempt.timeoutMs,
    killGraceMs: job.killGraceMs,
    tellWithinMs: attempt.toldWithinMs,
    onOutput: (stream, bytes) => takeOutput(attempt, stream, bytes),
  };
}

/** What the job itself sets stays as it is. */
function environmentOf(
  { walls, plan }: Attempt,
  given: Record<string, string>,
): Record<string, string> {
  const { environment } = plan.job;
  for (const [name, value] of Object.entries(walls?.environment ?? {})) {
    if (!Object.hasOwn(environment, name)) given[name] = value;
  }
  return given;
}

function expandCommand(attempt: Attempt, expand: Expand): ReturnType<Expand> {
  try {
    return expand(attempt.grant.cells, attempt.grant.task);
  } catch (error) {
    throw new AttemptFault('launch', `The command could not be made: ${messageOf(error)}.`);
  }
}

/** Captures are made with the first output: many programs write none. */
function takeOutput(attempt: Attempt, stream: Stream, bytes: Buffer): void {
  const { job, resultStreams } = attempt.plan;
  const isResult = resultStreams.has(stream);
  attempt[stream] ??= new OutputCapture({
    logBytes: job.logBytes,
    whole: isResult ? { spillPath: spoolPath(attempt, stream), limitBytes: job.resultBytes } : null,
  });
  attempt[stream].write(bytes);
  if (isResult && attempt[stream].totalBytes > job.resultBytes) {
    const limit = formatBytes(job.resultBytes);
    exceed(attempt, 'disk', `The program wrote more than ${limit} of results to ${stream}.`);
  }
}

function exceed(attempt: Attempt, cause: Verdict['cause'], reason: string): void {
  if (attempt.excess) return;
  attempt.excess = { cause, reason };
  attempt.program?.kill(attempt.plan.job.killGraceMs);
}

/** Undefined when there is nothing to look at. */
function watch(attempt: Attempt): Unwatch | undefined {
  const { walls, workshop } = attempt;
  const { diskBytes, ...request } = attempt.request;
  // Where the kernel holds the limit, nobody needs to look.
  const memoryBytes = walls?.record.had.includes('memory') ? 0 : request.memoryBytes;
  const mostTasks = tasksToWatch(attempt);
  if (memoryBytes + diskBytes + mostTasks === 0 && !walls) return undefined;
  const { memoryWatch } = workshop;
  const unwatchWalls =
    walls &&
    workshop.walls.watch(walls, (exceeded) => {
      const { cause, reason } = verdictOfLimit(exceeded);
      exceed(attempt, cause, reason);
    });
  const memory = {
    processes: () => attempt.program?.processes() ?? [],
    limitBytes: memoryBytes,
    mostTasks,
    peakBytes: 0,
    onOver: (bytes: number) => exceed(attempt, 'memory', overMemory(bytes, memoryBytes)),
    onTooMany: (tasks: number) => exceed(attempt, 'exit-code', tooMany(tasks, mostTasks)),
  };
  if (memoryBytes + mostTasks > 0) memoryWatch.add(memory);
  const disk =
    diskBytes > 0
      ? watchDisk([attempt.scratch, ...(walls?.privateDirectories ?? [])], diskBytes, (bytes) => {
          exceed(attempt, 'disk', overDisk(bytes, diskBytes));
        })
      : undefined;
  return async () => {
    unwatchWalls?.();
    if (memoryBytes + mostTasks > 0) memoryWatch.remove(memory);
    const diskBytes = disk ? await disk.finish() : null;
    return { memoryPeakBytes: memory.peakBytes || null, diskBytes };
  };
}

/** Where the kernel holds the limit, nobody needs to look. 0: nobody does. */
function tasksToWatch({ walls, request }: Attempt): number {
  return walls?.record.had.includes('tasks') ? 0 : request.processes;
}

/** They may have come, and it have failed for want of more, between two looks. */
function tooManyLeft(attempt: Attempt, { strays }: ProgramEnd): Verdict | null {
  const most = tasksToWatch(attempt);
  if (most === 0 || strays <= most) return null;
  return {
    cause: 'exit-code',
    reason: `The program failed and left ${strays} processes behind, more than the ${most} it asked for.`,
  };
}

/** Policies are looked at while it runs, where its job tells of itself. */
function govern(attempt: Attempt): void {
  const { workshop, plan, grant, scratch, walls } = attempt;
  const ad = plan.ad();
  if (!ad) return;
  workshop.policies.watch({
    ...{ grant, ad, scratch: walls?.scratch ?? scratch },
    directories: [scratch, ...(walls?.privateDirectories ?? [])],
    startedAtMs: attempt.startedMs,
    executingAtMs: attempt.programStartedAtMs,
    columns: plan.job.columns,
    attributes: () => attempt.admitted?.attributes() ?? [],
    onDecision: (decision) => obey(attempt, decision),
  });
}

function obey(attempt: Attempt, { verdict, hold, reason }: Decision): void {
  if (attempt.excess || attempt.stopped) return;
  const to = ({ hold: 'held', remove: 'removed', vacate: 'waiting' } as const)[verdict as 'hold'];
  if (!to) return;
  attempt.ruling = { to, hold: to === 'held' ? hold : null };
  exceed(attempt, to === 'held' ? 'held' : 'cancelled', reason);
}

function overMemory(bytes: number, limitBytes: number): string {
  return `The program used ${formatBytes(bytes)} of memory, more than the ${formatBytes(limitBytes)} it asked for.`;
}

function tooMany(tasks: number, most: number): string {
  return `The program had ${tasks} processes and threads, more than the ${most} it asked for.`;
}

function overDisk(bytes: number, limitBytes: number): string {
  return `The program wrote ${formatBytes(bytes)} to its scratch directory, more than the ${formatBytes(limitBytes)} it asked for.`;
}
