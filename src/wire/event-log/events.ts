/**
 * From what happened to tasks to the events of HTCondor's job event log: number, body lines, and the
 * attributes of the structured form. Source: HTCondor's documentation of event codes and its readers.
 */
import type { LifeEntry } from '../api/life.ts';

export interface LogEvent {
  readonly number: number;
  readonly type: string;
  readonly atMs: number;
  readonly job: number;
  readonly task: number;
  /** The first goes behind the time. */
  readonly lines: readonly string[];
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
}

type Place = Pick<LogEvent, 'atMs' | 'job' | 'task'>;
type Attempt = NonNullable<LifeEntry['attempt']>;

const OWN_ENDS: ReadonlySet<string | null> = new Set(['ok', 'exit-code', 'signal']);
/** What a killed program ends by. */
const KILLED = 9;

/** The events of an entry, in their order; of very many tasks one after another. */
export function* eventsOf(entry: LifeEntry): Generator<LogEvent> {
  for (const { first, count } of entry.tasks) {
    for (let task = first; task < first + count; task++) {
      yield* eventsOfTask(entry, { atMs: entry.atMs, job: entry.job, task });
    }
  }
}

function* eventsOfTask(entry: LifeEntry, place: Place): Generator<LogEvent> {
  const { kind, host, reason, actor } = entry;
  switch (kind) {
    case 'submitted':
      yield event(place, 0, 'SubmitEvent', [`Job submitted from host: <${host}>`], {
        SubmitHost: `<${host}>`,
      });
      return;
    case 'started':
      yield event(
        place,
        1,
        'ExecuteEvent',
        [`Job executing on host: <${host}>`, `\tSlotName: slot1@${host}`],
        { ExecuteHost: `<${host}>`, SlotName: `slot1@${host}` },
      );
      return;
    case 'held': {
      const { code, subcode } = entry.hold ?? { code: 0, subcode: 0 };
      const why = oneLine(reason) || 'Reason unspecified';
      yield event(
        place,
        12,
        'JobHeldEvent',
        ['Job was held.', `\t${why}`, `\tCode ${code} Subcode ${subcode}`],
        { HoldReason: why, HoldReasonCode: code, HoldReasonSubCode: subcode },
      );
      return;
    }
    case 'released':
      yield reasoned(place, 13, 'JobReleaseEvent', 'Job was released.', reason, actor);
      return;
    case 'removed':
      yield reasoned(place, 9, 'JobAbortedEvent', 'Job was aborted.', reason, actor);
      return;
    case 'remarked':
      yield event(place, 8, 'GenericEvent', [oneLine(reason)], { Info: oneLine(reason) });
      return;
    case 'ended':
      if (entry.attempt) yield* eventsOfEnd(entry, entry.attempt, place);
  }
}

function reasoned(
  place: Place,
  number: number,
  type: string,
  first: string,
  reason: string,
  actor: string,
): LogEvent {
  const why = oneLine(`${reason} (by ${actor})`);
  return event(place, number, type, [first, `\t${why}`], { Reason: why });
}

function* eventsOfEnd(entry: LifeEntry, attempt: Attempt, place: Place): Generator<LogEvent> {
  const { next, cause, usage } = attempt;
  // The task went on without it, or another record says what became of it.
  if (next === null || next === 'removed') return;
  if (usage?.memoryPeakBytes) yield imageSize(place, usage.memoryPeakBytes);
  if (cause === 'worker-lost') {
    yield* lost(attempt, place);
    return;
  }
  if (next === 'done' || next === 'failed') yield terminated(entry, attempt, place);
  else yield evicted(entry, attempt, place, next === 'waiting' && OWN_ENDS.has(cause));
}

function imageSize(place: Place, bytes: number): LogEvent {
  const kib = Math.ceil(bytes / 1024);
  const mib = Math.ceil(bytes / 2 ** 20);
  return event(
    place,
    6,
    'JobImageSizeEvent',
    [
      `Image size of job updated: ${kib}`,
      `\t${mib}  -  MemoryUsage of job (MB)`,
      `\t${kib}  -  ResidentSetSize of job (KB)`,
    ],
    { Size: kib, MemoryUsage: mib, ResidentSetSize: kib },
  );
}

function* lost({ worker, reason }: Attempt, place: Place): Generator<LogEvent> {
  const why = oneLine(reason);
  const name = `slot1@${worker}`;
  yield event(
    place,
    22,
    'JobDisconnectedEvent',
    [
      'Job disconnected, attempting to reconnect',
      `    ${why}`,
      `    Trying to reconnect to ${name} <${worker}>`,
    ],
    { DisconnectReason: why, StartdName: name, StartdAddr: `<${worker}>` },
  );
  yield event(
    place,
    24,
    'JobReconnectFailedEvent',
    ['Job reconnection failed', `    ${why}`, `    Can not reconnect to ${name}, rescheduling job`],
    { Reason: why, StartdName: name },
  );
}

interface Status {
  readonly line: string;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly isNormal: boolean;
}

/** A program that Windrow ended was ended by a signal, whatever it made of it. */
function statusOf({ exitCode, signal, cause }: Attempt): Status {
  const code = cause === 'ok' && exitCode === null ? 0 : exitCode;
  if (signal === null && code !== null && (OWN_ENDS.has(cause) || /result$/.test(cause ?? ''))) {
    return {
      line: `(1) Normal termination (return value ${code})`,
      attributes: { TerminatedNormally: true, ReturnValue: code },
      isNormal: true,
    };
  }
  const number = signalNumber(signal);
  return {
    line: `(0) Abnormal termination (signal ${number})`,
    attributes: { TerminatedNormally: false, TerminatedBySignal: number },
    isNormal: false,
  };
}

const SIGNALS =
  'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP ' +
  'TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS';
const NUMBERS = new Map(SIGNALS.split(' ').map((name, index) => [`SIG${name}`, index + 1]));

function signalNumber(signal: string | null): number {
  return (signal !== null && NUMBERS.get(signal)) || KILLED;
}

function terminated(entry: LifeEntry, attempt: Attempt, place: Place): LogEvent {
  const status = statusOf(attempt);
  const run = cpuOf(attempt);
  const total = cpuText(entry.total?.cpuUserMs ?? run.user, entry.total?.cpuSystemMs ?? run.system);
  const lines = [
    'Job terminated.',
    `\t${status.line}`,
    ...(status.isNormal ? [] : ['\t(0) No core file']),
    `\t\t${cpuText(run.user, run.system)}  -  Run Remote Usage`,
    `\t\t${cpuText(0, 0)}  -  Run Local Usage`,
    `\t\t${total}  -  Total Remote Usage`,
    `\t\t${cpuText(0, 0)}  -  Total Local Usage`,
    ...bytesLines(attempt, 'Run'),
    ...bytesLines(attempt, 'Total'),
    ...resourceTable(entry, attempt),
  ];
  return event(place, 5, 'JobTerminatedEvent', lines, {
    ...status.attributes,
    RunRemoteUsage: cpuText(run.user, run.system),
    TotalRemoteUsage: total,
    SentBytes: sentBytes(attempt),
    ReceivedBytes: 0,
  });
}

function evicted(entry: LifeEntry, attempt: Attempt, place: Place, isRequeued: boolean): LogEvent {
  const status = statusOf(attempt);
  const run = cpuOf(attempt);
  const reason = oneLine(attempt.reason);
  const lines = [
    'Job was evicted.',
    isRequeued ? '\t(0) Job terminated and was requeued' : '\t(0) Job was not checkpointed.',
    `\t\t${cpuText(run.user, run.system)}  -  Run Remote Usage`,
    `\t\t${cpuText(0, 0)}  -  Run Local Usage`,
    ...bytesLines(attempt, 'Run'),
    ...(isRequeued ? [`\t${status.line}`] : []),
    ...(isRequeued && !status.isNormal ? ['\t(0) No core file'] : []),
    ...(reason === '' ? [] : [`\t${reason}`]),
    ...resourceTable(entry, attempt),
  ];
  return event(place, 4, 'JobEvictedEvent', lines, {
    Checkpointed: false,
    TerminatedAndRequeued: isRequeued,
    ...(isRequeued ? status.attributes : {}),
    ...(reason === '' ? {} : { Reason: reason }),
    RunRemoteUsage: cpuText(run.user, run.system),
  });
}

function cpuOf({ usage }: Attempt): { user: number; system: number } {
  return { user: usage?.cpuUserMs ?? 0, system: usage?.cpuSystemMs ?? 0 };
}

/** `Usr 0 00:00:01, Sys 0 00:00:00` */
function cpuText(userMs: number, systemMs: number): string {
  return `Usr ${daysText(userMs)}, Sys ${daysText(systemMs)}`;
}

function daysText(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const two = (value: number): string => String(value).padStart(2, '0');
  const hours = Math.floor(seconds / 3600) % 24;
  const minutes = Math.floor(seconds / 60) % 60;
  return `${Math.floor(seconds / 86_400)} ${two(hours)}:${two(minutes)}:${two(seconds % 60)}`;
}

/** What passed its network, where somebody counted. */
function sentBytes({ usage }: Attempt): number {
  return Object.entries(usage?.network ?? {}).reduce(
    (sum, [name, bytes]) => (/^out/i.test(name) ? sum + bytes : sum),
    0,
  );
}

function bytesLines(attempt: Attempt, what: 'Run' | 'Total'): string[] {
  return [
    `\t${sentBytes(attempt)}  -  ${what} Bytes Sent By Job`,
    `\t0  -  ${what} Bytes Received By Job`,
  ];
}

function resourceTable({ request }: LifeEntry, { usage, asked }: Attempt): string[] {
  if (!request) return [];
  const { user, system } = { user: usage?.cpuUserMs ?? null, system: usage?.cpuSystemMs ?? 0 };
  const cores =
    user === null || !usage || usage.wallMs === 0
      ? ''
      : ((user + system) / usage.wallMs).toFixed(2);
  const kib = (bytes: number | null | undefined): string =>
    bytes == null ? '' : String(Math.ceil(bytes / 1024));
  const mib = (bytes: number | null | undefined): string =>
    bytes == null ? '' : String(Math.ceil(bytes / 2 ** 20));
  const memory = asked?.memoryBytes ?? request.memoryBytes;
  const disk = asked?.diskBytes ?? request.diskBytes;
  return [
    '\tPartitionable Resources :    Usage  Request Allocated ',
    row('Cpus', cores, String(request.cpus)),
    row('Disk (KB)', kib(usage?.diskBytes), kib(disk)),
    row('Memory (MB)', mib(usage?.memoryPeakBytes), mib(memory)),
  ];
}

function row(name: string, used: string, requested: string): string {
  const cells = [used.padStart(8), requested.padStart(8), requested.padStart(9)].join(' ');
  return `\t   ${name.padEnd(20)} : ${cells} `;
}

function event(
  place: Place,
  number: number,
  type: string,
  lines: readonly string[],
  attributes: LogEvent['attributes'],
): LogEvent {
  return { ...place, number, type, lines, attributes };
}

/** No reason may look like the end of an event, or like the begin of another. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').trim();
}
