/** The ad of a task, chained to its job's: what it is doing, and how its latest attempt went. */
import { type Ad, adOfThing, adOfValues, attributeTable, type Plain, real } from '#classad';
import type { Cause } from '../cause.ts';
import type { JobId, TaskIndex } from '../job.ts';
import type { Asked } from '../life.ts';
import type { TaskStateName } from '../task.ts';
import type { NetworkBytes, Usage } from '../usage.ts';
import { JOB_STATUS } from './job-status.ts';
import { epochSeconds, kibibytes, mebibytes, seconds, told } from './quantities.ts';

/** An attempt that runs or has ended, as its ad tells it; a record of the store is one. */
export interface AttemptFacts {
  /** 1 for the task's first attempt. */
  readonly number: number;
  /** Name for people. */
  readonly worker: string;
  readonly startedAtMs: number;
  /** Null while it runs; so are all that come after it but for `usage`. */
  readonly endedAtMs: number | null;
  readonly cause: Cause | null;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly reason: string;
  readonly signature: string;
  /** Also of one that runs, where somebody measures it; null where nobody does. */
  readonly usage: Usage | null;
}

export interface TaskFacts {
  readonly job: JobId;
  readonly task: TaskIndex;
  readonly state: TaskStateName;
  /** 0: it was never touched, and waits since its job was submitted. */
  readonly stateAtMs: number;
  /** Why it is in that state; `''`: nothing to say. */
  readonly reason: string;
  /** As HTCondor numbers them; null where it is not held. */
  readonly hold: { readonly code: number; readonly subcode: number } | null;
  /** How often it was held. */
  readonly holds: number;
  /** The last hold that it was released from; null: none. */
  readonly lastHold: {
    readonly code: number;
    readonly subcode: number;
    readonly reason: string;
  } | null;
  /** What it is given in place of what its job asks for, after it ran out of that; null: nothing. */
  readonly asked: Asked | null;
  /** How often its program came to its own end. */
  readonly completions: number;
  /** How many attempts were begun. */
  readonly attempts: number;
  /** The one that runs, else the latest; null before the first. */
  readonly attempt: AttemptFacts | null;
}

type Of = (task: TaskFacts) => Plain;

/** Of the latest attempt, once it has been measured. */
const measured =
  (of: (usage: Usage) => Plain): Of =>
  ({ attempt }) =>
    told(attempt?.usage, of);

/** Of the latest attempt, once it has ended. */
const ended =
  (of: (attempt: AttemptFacts, endedAtMs: number) => Plain): Of =>
  ({ attempt }) =>
    attempt && attempt.endedAtMs !== null ? of(attempt, attempt.endedAtMs) : undefined;

const reasonIn =
  (state: TaskStateName): Of =>
  (task) =>
    task.state === state && task.reason !== '' ? task.reason : undefined;

/** Causes of attempts whose program came to its own end. */
const OWN_ENDS: ReadonlySet<string> = new Set(
  'ok exit-code signal missing-result invalid-result'.split(' '),
);

const isRunning = ({ state }: TaskFacts): boolean => JOB_STATUS[state] === JOB_STATUS.running;

const TABLE = attributeTable<TaskFacts>({
  ProcId: ({ task }) => task,
  GlobalJobId: ({ job, task }) => `windrow#${job}.${task}`,
  JobStatus: ({ state }) => JOB_STATUS[state],
  TaskState: ({ state }) => state,
  EnteredCurrentStatus: ({ stateAtMs }) => (stateAtMs ? epochSeconds(stateAtMs) : undefined),
  HoldReason: reasonIn('held'),
  HoldReasonCode: ({ hold }) => hold?.code,
  HoldReasonSubCode: ({ hold }) => hold?.subcode,
  LastHoldReason: ({ lastHold }) => lastHold?.reason,
  LastHoldReasonCode: ({ lastHold }) => lastHold?.code,
  LastHoldReasonSubCode: ({ lastHold }) => lastHold?.subcode,
  NumHolds: ({ holds }) => holds,
  NumJobCompletions: ({ completions, state }) => Math.max(completions, state === 'done' ? 1 : 0),
  RemoveReason: reasonIn('removed'),
  RequestMemory: ({ asked }) => told(asked?.memoryBytes, mebibytes),
  RequestDisk: ({ asked }) => told(asked?.diskBytes, kibibytes),
  NumJobStarts: ({ attempts }) => attempts,
  NumShadowStarts: ({ attempts }) => attempts,
  JobRunCount: ({ attempts }) => attempts,
  NumRestarts: ({ attempts }) => Math.max(0, attempts - 1),
  JobCurrentStartDate: (task) => (isRunning(task) ? startOf(task) : undefined),
  JobCurrentStartExecutingDate: (task) => (isRunning(task) ? startOf(task) : undefined),
  JobLastStartDate: startOf,
  RemoteHost: (task) => (isRunning(task) ? slotOf(task) : undefined),
  LastRemoteHost: slotOf,
  CompletionDate: (task) =>
    JOB_STATUS[task.state] === JOB_STATUS.done
      ? epochSeconds(task.attempt?.endedAtMs ?? task.stateAtMs)
      : 0,
  ExitCode: ended(({ exitCode }) => exitCode ?? undefined),
  ExitBySignal: ended(({ signal }) => signal !== null),
  ExitSignal: ended(({ signal }) => told(signal, signalNumber)),
  LastCause: ended(({ cause }) => cause ?? undefined),
  LastReason: ended(({ reason }) => reason || undefined),
  LastSignature: ended(({ signature }) => signature || undefined),
  LastVacateTime: ended(({ cause }, endedAtMs) =>
    cause === null || OWN_ENDS.has(cause) ? undefined : epochSeconds(endedAtMs),
  ),
  RemoteWallClockTime: measured(({ wallMs }) => seconds(wallMs)),
  RemoteUserCpu: measured(({ cpuUserMs }) => told(cpuUserMs, seconds)),
  RemoteSysCpu: measured(({ cpuSystemMs }) => told(cpuSystemMs, seconds)),
  CPUsUsage: measured(coresOf),
  ImageSize: measured(({ memoryPeakBytes }) => told(memoryPeakBytes, kibibytes)),
  ResidentSetSize: measured(({ memoryPeakBytes }) => told(memoryPeakBytes, kibibytes)),
  MemoryUsage: measured(({ memoryPeakBytes }) => told(memoryPeakBytes, mebibytes)),
  DiskUsage: measured(({ diskBytes }) => told(diskBytes, kibibytes)),
  BlockReadKbytes: measured(({ ioReadBytes }) => told(ioReadBytes, kibibytes)),
  BlockWriteKbytes: measured(({ ioWriteBytes }) => told(ioWriteBytes, kibibytes)),
  ContextSwitches: measured(({ contextSwitches }) => contextSwitches ?? undefined),
  ProcessesPeak: measured(({ tasksPeak }) => tasksPeak ?? undefined),
});

/** Lower-case names that a task's ad tells by itself. */
export const TASK_AD_NAMES: ReadonlySet<string> = new Set(TABLE.keys());

/**
 * The task's ad. `job` is its job's, or an ad of attributes that the task has set, chained to that
 * one; bytes that were counted in its network stand between, e.g. `NetworkOutgoingExternal`.
 */
export function taskAd(task: TaskFacts, job: Ad | null): Ad {
  const network = task.attempt?.usage?.network;
  return adOfThing(TABLE, task, network ? adOfValues(networkValues(network), job) : job);
}

function networkValues(network: NetworkBytes): Record<string, number> {
  return Object.fromEntries(
    Object.entries(network).map(([name, bytes]) => [`Network${name}`, bytes]),
  );
}

/** As the machine's ad names its one slot. */
function slotOf({ attempt }: TaskFacts): string | undefined {
  return told(attempt?.worker, (worker) => `slot1@${worker}`);
}

function startOf({ attempt }: TaskFacts): number | undefined {
  return told(attempt?.startedAtMs, epochSeconds);
}

/** CPU time over wall time. */
function coresOf({ wallMs, cpuUserMs, cpuSystemMs }: Usage): Plain {
  if (wallMs === 0 || cpuUserMs === null) return undefined;
  return real((cpuUserMs + (cpuSystemMs ?? 0)) / wallMs);
}

/** Of Linux on x86 and ARM; the real-time signals and others without a name here have no number. */
const SIGNALS =
  'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP ' +
  'TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS';
const SIGNAL_NUMBERS = new Map(
  SIGNALS.split(' ').map((name, index) => [`SIG${name}`, index + 1] as [string, number]),
);

function signalNumber(name: string): number | undefined {
  return SIGNAL_NUMBERS.get(name);
}
