/**
 * One attempt on its way through the steps: plain data that the steps fill in. It owns its scratch
 * directory, its spool files, its output captures and its running program; `clean` gives all of
 * them back.
 */
import type { Clock, DirectoryShelf, ShelvedDirectory } from '#base';
import type { Cause, InputWay, Measured, ResourceRequest } from '#model';
import type { ProgramEnd, RunningProgram, Starter, WallPlan, Walls } from '#sandbox';
import type { EndedAttempt, GrantedAttempt, JobDescription, PolicyRuling } from '#wire';
import type { Admitted, ChirpDesk } from '../chirp/desk.ts';
import type { Devices } from '../device-shelf.ts';
import type { JobPlan } from '../job-plan.ts';
import type { MemoryWatch } from '../memory-watch.ts';
import type { OutputCapture } from '../output-capture.ts';
import type { PolicyWatch } from '../policy-watch.ts';
import type { AgentLog, GpuRack, RunJobPlugin, ServerLink } from '../port.ts';
import type { Stock, Taken } from '../stock.ts';
import type { UnkilledProcesses } from '../unkilled.ts';
import type { OutgoingPart } from './parts.ts';

/** What all attempts of a worker share. */
export interface Workshop {
  /** `<dir>/scratch` and `<dir>/spool`: exist, 0700. */
  readonly scratchRoot: string;
  readonly spoolRoot: string;
  readonly shelf: DirectoryShelf;
  /** First 8 hex digits of the session's SHA-256: names directories, gives nothing away. */
  sessionTag(): string;
  readonly stock: Stock;
  readonly runPlugin: RunJobPlugin;
  /** Waits for a connection if there is none; rejects when the worker ends. */
  link(): Promise<ServerLink>;
  /** Aborted when the worker ends. */
  readonly lifetime: AbortSignal;
  readonly memoryWatch: MemoryWatch;
  readonly policies: PolicyWatch;
  readonly walls: Walls;
  readonly chirp: ChirpDesk;
  readonly unkilled: UnkilledProcesses;
  /** Directories that attempts of the job are to have private ones of. */
  mountUnderScratch(job: JobDescription): readonly string[];
  readonly gpus: GpuRack;
  /** Told when an attempt has left its slot for an upload that may take long. */
  onUpload(): void;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: AgentLog;
}

export interface Verdict {
  readonly cause: Cause;
  /** One sentence for a person. */
  readonly reason: string;
}

export interface Attempt {
  readonly grant: GrantedAttempt;
  readonly plan: JobPlan;
  readonly workshop: Workshop;
  readonly starter: Starter;
  /** Number of the slot, from 1. */
  readonly slot: number;
  readonly devices: Devices;
  /** Lets the next attempt have the slot: gathering and uploading need none. */
  readonly releaseSlot: () => void;
  readonly startedMs: number;
  /** What it may use: its job's request, or what it was given in its place. */
  readonly request: ResourceRequest;
  /** 0: none. */
  readonly timeoutMs: number;
  /** `<session tag>-<ticket>`. */
  readonly name: string;
  readonly scratch: string;
  /** The directory of that path, once it has been made. */
  madeScratch: ShelvedDirectory | null;
  /** Set by the server or by the end of the worker: no result is wanted any more. */
  stopped: Verdict | null;
  /** Its starter gave it back before its turn: it never ran, and may be begun anew. */
  withdrawn: boolean;
  /** What a policy decided, when that is why it is being killed. */
  ruling: PolicyRuling | null;
  /** Why the program is being killed for taking too much. */
  excess: Verdict | null;
  /** Null while nothing went wrong. */
  verdict: Verdict | null;
  /** Files of the stock that it holds, by digest. */
  readonly taken: Map<string, Taken>;
  /** Those that its directory has under another name: digest and name. */
  readonly linked: Map<string, string>;
  /** How inputs from elsewhere came, by name. */
  readonly ways: Map<string, InputWay>;
  /** Null: none. */
  walls: WallPlan | null;
  /** They were put up; null: they were not, or nothing stands of them any more. */
  standing: WallPlan | null;
  readonly aborter: AbortController;
  program: RunningProgram | null;
  /** Of its end, once the program is handed to its starter and others wait behind it. */
  toldWithinMs: number;
  programStartedAtMs: number;
  programEnd: ProgramEnd | null;
  programEndedAtMs: number;
  /** Absolute path of stdin, or null. */
  stdin: string | null;
  /** Where its program may talk to the worker; null: nowhere. */
  admitted: Admitted | null;
  /** Of its environment, besides what its job and its walls say. */
  readonly variables: Record<string, string>;
  /** Files that were put into scratch, by name, and how each can be told. Where a result needs it. */
  staged: ReadonlyMap<string, string>;
  /** Files beside the scratch directory that `clean` removes. */
  readonly spooled: string[];
  stdout: OutputCapture | null;
  stderr: OutputCapture | null;
  /** Of one figure the later measurement counts. */
  readonly measured: Measured[];
  lastErrorLine: string;
  readonly remarks: string[];
  outgoing: OutgoingPart[];
  parts: EndedAttempt['parts'];
}

/** Ends the steps with a cause that is foreseen; anything else thrown is a fault of the worker. */
export class AttemptFault extends Error {
  readonly verdict: Verdict;
  constructor(cause: Cause, reason: string, options?: { cause: unknown }) {
    super(reason, options);
    this.verdict = { cause, reason };
  }
}

export function stopFault({ cause, reason }: Verdict): AttemptFault {
  return new AttemptFault(cause, reason);
}

export function newAttempt(
  fixed: Pick<
    Attempt,
    'grant' | 'plan' | 'workshop' | 'starter' | 'slot' | 'devices' | 'releaseSlot'
  >,
): Attempt {
  const { workshop, grant } = fixed;
  const name = `${workshop.sessionTag()}-${grant.ticket}`;
  const startedMs = workshop.clock.now();
  return {
    ...fixed,
    startedMs,
    request: requestOf(fixed),
    timeoutMs: grant.asked?.timeoutMs ?? fixed.plan.job.timeoutMs,
    name,
    scratch: `${workshop.scratchRoot}/${name}`,
    madeScratch: null,
    stopped: null,
    withdrawn: false,
    ruling: null,
    excess: null,
    verdict: null,
    taken: new Map(),
    linked: new Map(),
    ways: new Map(),
    walls: null,
    standing: null,
    aborter: new AbortController(),
    program: null,
    toldWithinMs: 0,
    programStartedAtMs: startedMs,
    programEnd: null,
    programEndedAtMs: startedMs,
    stdin: null,
    admitted: null,
    variables: {},
    staged: new Map(),
    spooled: [],
    stdout: null,
    stderr: null,
    measured: [],
    lastErrorLine: '',
    remarks: [],
    outgoing: [],
    parts: [],
  };
}

function requestOf({ plan, grant }: Pick<Attempt, 'plan' | 'grant'>): ResourceRequest {
  const { request } = plan.job;
  if (!grant.asked) return request;
  const { memoryBytes, diskBytes } = grant.asked;
  return { ...request, memoryBytes, diskBytes };
}

/** Kills the program and breaks off what waits. The first verdict stays. */
export function stopAttempt(attempt: Attempt, verdict: Verdict, graceMs: number): void {
  attempt.stopped ??= verdict;
  attempt.aborter.abort();
  attempt.program?.kill(graceMs);
}

/** Settles with `work`, or rejects when the attempt is stopped; `work` itself goes on for others. */
export function unlessStopped<T>(attempt: Attempt, work: Promise<T>): Promise<T> {
  const { signal } = attempt.aborter;
  return new Promise((resolve, reject) => {
    const stop = () => reject(new Error('the attempt was stopped'));
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

/** A path beside the scratch directory, out of the program's sight, removed with the attempt. */
export function spoolPath(attempt: Attempt, suffix: string): string {
  const path = `${attempt.workshop.spoolRoot}/${attempt.name}.${suffix}`;
  attempt.spooled.push(path);
  return path;
}
