/** What workers hold ready for jobs: what each is told to have, what each has told of it. */
import { hash } from 'node:crypto';
import { blobOf, type Digest, type JobId } from '#model';
import { type Lack, NO_LACKS } from '#scheduler';
import type { DataNews, DataWish, StoreReport } from '#wire';
import type { Core, DataDamage, Job, Worker } from './core.ts';
import { stagerOf } from './stagers.ts';

/** One worker, as far as data goes. A worker that comes anew is asked anew. */
export interface WorkerData {
  /** Names what it was told last; never that of another worker, or of an earlier life of this server. */
  readonly tag: string;
  readonly told: Map<Digest, DataNews['state']>;
  /** Jobs whose data it was told to get, and since when, on the monotonic clock. */
  readonly fetching: Map<JobId, number>;
  /** When it told last that it has a file, or cannot have it; on that clock. */
  toldAtMs: number;
  /** Since when it could have taken tasks of a job, but for data; on the monotonic clock. */
  readonly lackingSinceMs: Map<JobId, number>;
  /** Number of the last damage that it told of. */
  damagesKnown: number;
}

export function newWorkerData(tag: string): WorkerData {
  const none = { told: new Map(), fetching: new Map(), lackingSinceMs: new Map() };
  return { tag, ...none, toldAtMs: Number.NEGATIVE_INFINITY, damagesKnown: 0 };
}

/** Smaller files that a user sent along are got by the attempt that needs one: it takes a moment. */
const LEAST_FILE_BYTES = 1 << 20;

const found = new WeakMap<Job['spec'], readonly Omit<DataWish, 'fetch'>[]>();

/** What must lie on a machine before tasks of the job start there; none while the server lacks it. */
export function dataOf(job: Job): readonly Omit<DataWish, 'fetch'>[] {
  const known = found.get(job.spec);
  if (known) return known;
  const data = new Map<Digest, Omit<DataWish, 'fetch'>>();
  for (const input of job.spec.inputs) {
    const { from } = input;
    const blob = blobOf(input);
    const isLarge = from.kind === 'file' && from.bytes >= LEAST_FILE_BYTES;
    if (!blob || (from.kind !== 'url' && !isLarge)) continue;
    const origin = from.kind === 'url' && from.from === 'origin' ? from.url : null;
    data.set(blob.blob, { ...blob, origin });
  }
  found.set(job.spec, [...data.values()]);
  return found.get(job.spec)!;
}

function jobsWithData({ active, jobs }: Core): Job[] {
  const known = [...active].map((id) => jobs.get(id)!);
  return known.filter((job) => job.staging === null && dataOf(job).length > 0);
}

/** `''` while no job needs anything. */
export function versionFor(core: Core, worker: Worker): string {
  const { kind, data } = worker;
  if (kind === 'open') return '';
  const isStaged = stagedFor(core, worker);
  const jobs = jobsWithData(core).map((job) => {
    if (!data.fetching.has(job.id)) return String(job.id);
    return `${job.id}!${dataOf(job).map(({ blob }) => (isStaged(job.id, blob) ? 1 : 0))}`;
  });
  return jobs.length === 0 ? '' : `${data.tag}:${hash('sha256', jobs.join(',')).slice(0, 16)}`;
}

/** Answers with what the worker is to know; what it told of other files is void from now on. */
export function wishesFor(core: Core, worker: Worker): DataWish[] {
  const { data } = worker;
  const isStaged = stagedFor(core, worker);
  const wishes = new Map<Digest, DataWish>();
  for (const job of jobsWithData(core)) {
    for (const one of dataOf(job)) {
      const known = wishes.get(one.blob);
      const isOrdered = data.fetching.has(job.id) && isStaged(job.id, one.blob);
      const fetch = isOrdered || (known?.fetch ?? false);
      wishes.set(one.blob, { ...one, origin: known?.origin ?? one.origin, fetch });
    }
  }
  for (const blob of data.told.keys()) if (!wishes.has(blob)) data.told.delete(blob);
  for (const id of data.fetching.keys()) if (!core.active.has(id)) data.fetching.delete(id);
  return [...wishes.values()];
}

/** The worker told of its data: whoever waits for it may go on. */
export function onDataTold(core: Core, worker: Worker, news: readonly DataNews[]): void {
  if (news.length === 0) return;
  for (const { blob, state } of news) worker.data.told.set(blob, state);
  const isProgress = news.some(({ state }) => state !== 'absent');
  if (isProgress) worker.data.toldAtMs = core.clock.monotonic();
  const tried = new Set(news.flatMap(({ blob, state }) => (state === 'tried' ? [blob] : [])));
  if (tried.size > 0) {
    for (const job of jobsWithData(core)) {
      if (dataOf(job).some(({ blob }) => tried.has(blob))) core.suspectInputs(job);
    }
  }
  counts.delete(core);
  core.wake();
}

/** Its store has told: what it found damaged is news for all who watch. */
export function onStoreTold(core: Core, worker: Worker, report: StoreReport | null): void {
  if (report === null) return;
  worker.inputStore = report;
  for (const { number, key, reason } of report.damages) {
    // Told again until the worker hears an answer.
    if (number <= worker.data.damagesKnown) continue;
    worker.data.damagesKnown = number;
    onDamage(core, { key, reason, worker: worker.name });
  }
}

/** A stored file was found damaged, here or on the machine of a worker. */
export function onDamage(core: Core, damage: DataDamage): void {
  core.damages.set(damage.worker, { ...damage, atMs: core.clock.monotonic() });
  core.happened({ kind: 'data', ...damage });
}

/**
 * What the worker lacks. What it has tried in vain it is given all the same, so that an attempt says
 * what is wrong.
 */
export function lacksOf(core: Core, worker: Worker, nowMs: number): ReadonlyMap<JobId, Lack> {
  if (worker.kind === 'open') return beyondClients(core);
  const lacks = new Map<JobId, Lack>();
  for (const job of jobsWithData(core)) {
    const bytes = missingBytes(job, worker);
    if (bytes === null) continue;
    const since = worker.data.lackingSinceMs.get(job.id);
    const waitedMs = since === undefined ? 0 : nowMs - since;
    lacks.set(job.id, { bytes, fetching: worker.data.fetching.has(job.id), waitedMs });
  }
  return lacks.size === 0 ? NO_LACKS : lacks;
}

/** Clients of the open protocol are handed all data, but cannot run the plugins of a job. */
function beyondClients({ active, jobs }: Core): ReadonlyMap<JobId, Lack> {
  const beyond = [...active].filter((id) =>
    jobs.get(id)!.spec.inputs.some(({ from }) => from.kind === 'plugin'),
  );
  if (beyond.length === 0) return NO_LACKS;
  return new Map(beyond.map((id) => [id, { bytes: 0, fetching: true, waitedMs: 0 }]));
}

/** Null: nothing is missing. A file of no bytes can be missing too. */
function missingBytes(job: Job, { data }: Worker): number | null {
  let missing: number | null = null;
  for (const { blob, bytes } of dataOf(job)) {
    const state = data.told.get(blob);
    if (state !== 'here' && state !== 'tried') missing = (missing ?? 0) + bytes;
  }
  return missing;
}

/** From now on it could take tasks of these jobs, were it not for their data. */
export function noteLacking(worker: Worker, jobs: ReadonlyMap<JobId, Lack>, nowMs: number): void {
  const { lackingSinceMs } = worker.data;
  for (const id of lackingSinceMs.keys()) if (!jobs.has(id)) lackingSinceMs.delete(id);
  for (const id of jobs.keys()) if (!lackingSinceMs.has(id)) lackingSinceMs.set(id, nowMs);
}

interface Counted {
  readonly atMs: number;
  readonly slots: Map<JobId, { here: number; coming: number }>;
}

const KEEP_MS = 100;
const counts = new WeakMap<Core, Counted>();

/** As of a moment ago: workers ask thousands of times a second. */
export function dataSlotsOf(core: Core, job: Job, nowMs: number): { here: number; coming: number } {
  if (dataOf(job).length === 0) return { here: 0, coming: 0 };
  let counted = counts.get(core);
  if (!counted || nowMs - counted.atMs >= KEEP_MS) {
    counted = { atMs: nowMs, slots: new Map() };
    counts.set(core, counted);
  }
  const known = counted.slots.get(job.id);
  if (known) return known;
  const slots = { here: 0, coming: 0 };
  for (const worker of core.workers.values()) {
    if (worker.state !== 'active' || worker.kind === 'open') continue;
    if (missingBytes(job, worker) === null) slots.here += worker.slots;
    else if (worker.data.fetching.has(job.id)) slots.coming += worker.slots;
  }
  counted.slots.set(job.id, slots);
  return slots;
}

export function orderFetch(core: Core, worker: Worker, job: JobId): void {
  worker.data.fetching.set(job, core.clock.monotonic());
  counts.delete(core);
  orderStager(core, worker);
}

/** What a worker is to get its stager gets first; also one that has just come, or come back. */
export function orderStager(core: Core, worker: Worker): void {
  if (worker.data.fetching.size === 0) return;
  const stager = stagerOf(core, worker);
  if (stager === null) return;
  for (const job of worker.data.fetching.keys()) {
    if (stager.data.fetching.has(job)) continue;
    stager.data.fetching.set(job, core.clock.monotonic());
    counts.delete(core);
    core.wake();
  }
}

/**
 * Which files there is no reason to wait for any more: its stager has them, cannot have them, or has said
 * nothing for too long. A worker hears of the latter with its next sync.
 */
function stagedFor(core: Core, worker: Worker): (job: JobId, blob: Digest) => boolean {
  const stager = worker.data.fetching.size === 0 ? null : stagerOf(core, worker);
  if (stager === null) return () => true;
  const { told, fetching, toldAtMs } = stager.data;
  const patientSinceMs = core.clock.monotonic() - core.settings.stagerPatienceMs;
  return (job, blob) => {
    const state = told.get(blob);
    if (state === 'here' || state === 'tried') return true;
    return Math.max(toldAtMs, fetching.get(job) ?? Number.POSITIVE_INFINITY) <= patientSinceMs;
  };
}
