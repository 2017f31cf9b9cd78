/** From what the server remembers to the ads of jobs, tasks and workers. */
import { type Ad, adOf, type Node, parseExpression } from '#classad';
import {
  type AttemptFacts,
  type JobSpec,
  jobAd,
  jobProgressAd,
  machineAd,
  NO_OFFER,
  offerAd,
  type SetAttribute,
  type TaskIndex,
  type TaskStateName,
  taskAd,
  taskStateName,
  withRow,
} from '#model';
import type { AttemptRow, TaskNote } from '#store';
import type { Job, Lease, Worker } from '../core.ts';
import { commandAd } from './command-ad.ts';

/** A job's own attributes are read once; a changed job has another specification. */
const ads = new WeakMap<JobSpec, Ad>();

export function adOfJob(job: Job): Ad {
  const known = ads.get(job.spec);
  if (known) return known;
  const { id, submittedAtMs } = job;
  const ad = jobAd({ ...job.spec, id, submittedAtMs, rows: job.tasks.rows });
  ads.set(job.spec, ad);
  return ad;
}

/** The row of a task; null where its table is gone: when it is handed out the job says so. */
export function cellsOf(job: Job, task: TaskIndex): readonly string[] | null {
  try {
    return job.rows.row(task);
  } catch {
    return null;
  }
}

/** The job with what its tasks do now. */
export function adOfListedJob(job: Job, own: OwnAttributes | null): Ad {
  const { state, stateAtMs, stateReason: reason } = job;
  return jobProgressAd(
    { state, stateAtMs, reason, counts: job.tasks.counts() },
    adWithSet(adOfJob(job), own),
  );
}

/** What is known of a task at this moment. */
export interface KnownTask {
  readonly task: TaskIndex;
  readonly note: TaskNote | null;
  /** Of the attempt that runs. */
  readonly lease: Lease | null;
  /** When it is to be told as in another state than it is in by now. */
  readonly as?: TaskStateName;
  /** Its latest attempt that has ended. */
  readonly ended: AttemptRow | null;
  /** Attributes that its programs have set; null: none. */
  readonly own: OwnAttributes | null;
  /** Its row; null: nobody asks for parameters. */
  readonly cells?: readonly string[] | null;
}

export type OwnAttributes = readonly { readonly name: string; readonly value: Node }[];

/** What programs have set, to be chained to the ad of their job. */
export function ownAttributes(set: readonly SetAttribute[]): OwnAttributes | null {
  if (set.length === 0) return null;
  return set.map(({ name, expression }) => ({ name, value: parseExpression(expression) }));
}

/** The ad of a job with what programs of one of its tasks, or of all of them, have set. */
export function adWithSet(job: Ad, own: OwnAttributes | null): Ad {
  return own ? adOf(own, job) : job;
}

export function adOfTask(job: Job, { task, note, lease, ended, as, own, cells }: KnownTask): Ad {
  const state = as ?? taskStateName(job.tasks.state(task));
  const isNoted = note?.state === state;
  const attempt = lease ? attemptOfLease(lease) : ended;
  const stateAtMs = isNoted ? note.atMs : (attempt?.endedAtMs ?? attempt?.startedAtMs ?? 0);
  const attempts = Math.max(note?.attempts ?? 0, lease?.number ?? 0, ended?.number ?? 0);
  const reason = isNoted ? note.reason : '';
  const ad = taskAd(
    {
      ...{ job: job.id, task, state, stateAtMs, reason, attempts, attempt },
      hold: isNoted ? note.hold : null,
      holds: note?.holds ?? 0,
      lastHold: note?.lastHold ?? null,
      completions: note?.completions ?? 0,
      asked: lease ? lease.asked : (note?.asked ?? ended?.asked ?? null),
    },
    commandAd(job, task, adWithSet(adOfJob(job), own)),
  );
  return cells ? withRow(ad, job.columns, cells) : ad;
}

function attemptOfLease({ number, workerName, grantedAtMs }: Lease): AttemptFacts {
  return {
    ...{ number, worker: workerName, startedAtMs: grantedAtMs, endedAtMs: null, cause: null },
    ...{ exitCode: null, signal: null, reason: '', signature: '', usage: null },
  };
}

/** Thousands of machines make the same offer: its expressions are compiled once. */
const offers = new Map<string, Ad>();
const MOST_OFFERS = 10_000;

/** It tells of the worker as it is when it is asked; another offer makes another ad. */
export function adOfWorker(worker: Worker): Ad {
  const offer = worker.offer ?? NO_OFFER;
  const key = JSON.stringify(offer);
  let ad = offers.get(key);
  if (ad === undefined) {
    if (offers.size >= MOST_OFFERS) offers.clear();
    ad = offerAd(offer);
    offers.set(key, ad);
  }
  return machineAd(worker, ad);
}
