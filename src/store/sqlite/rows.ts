/** Between the contract's nouns and SQLite's rows. */
import {
  type AttemptRecord,
  type Cause,
  NO_DEALINGS,
  NO_ISOLATION,
  NO_LIFE,
  NO_MATCHING,
  type TaskChange,
  type TaskStateName,
} from '#model';
import type {
  AttemptRow,
  CollectedRow,
  StoredGrant,
  StoredJob,
  StoredTable,
  StoredWorker,
  TaskNote,
} from '../contract.ts';

export type Row = Record<string, unknown>;
export type Cell = string | number | null;

/** The values of `add-attempt` after the sequence, in its order. */
export function attemptCells(attempt: AttemptRecord, accepted: boolean): Cell[] {
  const { usage, place } = attempt;
  return [
    attempt.ticket,
    attempt.job,
    attempt.task,
    attempt.number,
    attempt.worker,
    attempt.cause,
    attempt.exitCode,
    attempt.signal,
    attempt.reason,
    attempt.signature,
    attempt.startedAtMs,
    attempt.endedAtMs,
    usage.wallMs,
    usage.cpuUserMs,
    usage.cpuSystemMs,
    usage.memoryPeakBytes,
    usage.ioReadBytes,
    usage.ioWriteBytes,
    usage.contextSwitches,
    usage.tasksPeak,
    usage.diskBytes,
    usage.sources,
    place?.segment ?? null,
    place?.offset ?? null,
    place?.bytes ?? null,
    attempt.reusedFrom,
    accepted ? 1 : 0,
    attempt.walls && JSON.stringify(attempt.walls),
    usage.network && JSON.stringify(usage.network),
    attempt.next,
    attempt.asked && JSON.stringify(attempt.asked),
    attempt.inputs.length === 0 ? null : JSON.stringify(attempt.inputs),
  ];
}

/** Adds the values of one row of `add-usual-attempts`, in its order. */
export function pushUsualCells(cells: Cell[], sequence: number, attempt: AttemptRecord): void {
  const { usage, place, walls } = attempt;
  cells.push(
    sequence,
    attempt.ticket,
    attempt.job,
    attempt.task,
    attempt.number,
    attempt.worker,
    attempt.startedAtMs,
    attempt.endedAtMs,
    usage.wallMs,
    usage.cpuUserMs,
    usage.cpuSystemMs,
    usage.memoryPeakBytes,
    usage.ioReadBytes,
    usage.ioWriteBytes,
    usage.contextSwitches,
    usage.tasksPeak,
    usage.diskBytes,
    usage.sources,
    place === null ? null : place.segment,
    place === null ? null : place.offset,
    place === null ? null : place.bytes,
    walls === null ? null : JSON.stringify(walls),
  );
}

function placeOf(row: Row): AttemptRow['place'] {
  if (row.segment === null) return null;
  return {
    segment: row.segment as number,
    offset: row.byteOffset as number,
    bytes: row.byteCount as number,
  };
}

export function attemptOf(row: Row): AttemptRow {
  return {
    sequence: row.sequence as number,
    ticket: row.ticket as number,
    job: row.job as number,
    task: row.task as number,
    number: row.number as number,
    worker: row.worker as string,
    cause: row.cause as Cause,
    exitCode: row.exitCode as number | null,
    signal: row.signal as string | null,
    reason: row.reason as string,
    signature: row.signature as string,
    startedAtMs: row.startedAtMs as number,
    endedAtMs: row.endedAtMs as number,
    usage: {
      wallMs: row.wallMs as number,
      cpuUserMs: row.cpuUserMs as number | null,
      cpuSystemMs: row.cpuSystemMs as number | null,
      memoryPeakBytes: row.memoryPeakBytes as number | null,
      ioReadBytes: row.ioReadBytes as number | null,
      ioWriteBytes: row.ioWriteBytes as number | null,
      contextSwitches: row.contextSwitches as number | null,
      tasksPeak: row.tasksPeak as number | null,
      diskBytes: row.diskBytes as number | null,
      sources: row.usageSources as string,
      network: row.network === null ? null : JSON.parse(row.network as string),
    },
    place: placeOf(row),
    reusedFrom: row.reusedFrom as number | null,
    accepted: row.accepted === 1,
    next: row.next as TaskStateName | null,
    asked: row.asked === null ? null : JSON.parse(row.asked as string),
    walls: row.walls === null ? null : JSON.parse(row.walls as string),
    inputs: row.inputs === null ? [] : JSON.parse(row.inputs as string),
  };
}

/** The values of `add-change`, in its order. */
export function changeCells(change: TaskChange): Cell[] {
  return [
    change.sequence,
    change.job,
    change.kind,
    change.atMs,
    change.actor,
    change.reason,
    change.hold?.code ?? null,
    change.hold?.subcode ?? null,
    JSON.stringify(change.tasks),
    change.ticket,
    change.worker,
    change.isMass ? 1 : 0,
  ];
}

export function changeOf({ holdCode, holdSubcode, ...row }: Row): TaskChange {
  return {
    ...(row as unknown as TaskChange),
    hold:
      holdCode === null
        ? null
        : { code: holdCode as number, subcode: (holdSubcode as number) ?? 0 },
    tasks: JSON.parse(row.tasks as string),
    isMass: row.isMass === 1,
  };
}

/** What notes of earlier versions do not say. */
const NEWER_IN_NOTES = {
  ruling: null,
  hold: null,
  holds: 0,
  lastHold: null,
  completions: 0,
  asked: null,
} as const;

export function noteOf(row: Row): TaskNote {
  return { ...NEWER_IN_NOTES, ...JSON.parse(row.note as string) };
}

export function collectedOf(row: Row): CollectedRow {
  return {
    sequence: row.sequence as number,
    task: row.task as number,
    ticket: row.ticket as number,
    place: placeOf(row),
    reusedFrom: row.reusedFrom as number | null,
  };
}

/** The values of `add-job`, in its order. */
export function jobCells(job: StoredJob): Cell[] {
  return [
    job.id,
    JSON.stringify(job.spec),
    job.lineage,
    job.key,
    JSON.stringify(job.keyParts),
    job.rows,
    JSON.stringify(job.columns),
    job.state,
    job.stateReason,
    job.stateActor,
    job.stateAtMs,
    job.submittedAtMs,
    job.resultsEnd?.segment ?? null,
    job.resultsEnd?.bytes ?? null,
    job.collectedAtMs,
    JSON.stringify(job.published),
    job.emptied ? 1 : 0,
  ];
}

export function jobOf(row: Row): StoredJob {
  const { spec, keyParts, columns, resultsSegment, resultsBytes, published, ...rest } = row;
  return {
    ...(rest as unknown as StoredJob),
    // Jobs of versions that knew no walls and no expressions say nothing of them.
    spec: {
      isolation: NO_ISOLATION,
      ...NO_MATCHING,
      ...NO_LIFE,
      ...NO_DEALINGS,
      ...JSON.parse(spec as string),
    },
    keyParts: JSON.parse(keyParts as string),
    columns: JSON.parse(columns as string),
    published: JSON.parse(published as string),
    emptied: row.emptied === 1,
    resultsEnd:
      resultsSegment === null
        ? null
        : { segment: resultsSegment as number, bytes: resultsBytes as number },
  };
}

export function tableOf(row: Row): StoredTable {
  return { ...(row as unknown as StoredTable), columns: JSON.parse(row.columns as string) };
}

export function grantOf(row: Row): StoredGrant {
  return { ...(row as unknown as StoredGrant), tasks: JSON.parse(row.tasks as string) };
}

export function workerOf({ ordered, ...row }: Row): StoredWorker {
  const order = ordered === null ? null : JSON.parse(ordered as string);
  return { ...(row as unknown as StoredWorker), order };
}
