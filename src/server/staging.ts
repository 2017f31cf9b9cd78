/**
 * Inputs that jobs name by URL: brought by the server's datastore beside everything else, then kept
 * among the blobs by content, so that all tasks of a job see the same bytes, also after a restart and
 * whatever becomes of the origin or of the datastore's entry.
 *
 *   unstaged ──all brought, durable──▶ staged
 *      │ └──bad moment, budget left──▶ unstaged, later
 *      └──refused, wrong, no budget──▶ job failed (stage-in) ──retry, submitted again──▶ unstaged
 */
import { formatBytes, messageOf, pause, WindrowError } from '#base';
import type { Datastore, EnsureRequest, Held, Progress } from '#datastore';
import { cameFrom, type RemoteInput } from '#model';
import type { Core, Job } from './core.ts';
import { serverErrors } from './errors.ts';
import type { Blobs } from './intake/blobs.ts';
import { setJobState } from './reactor/tasks.ts';
import { afterFailure } from './retry.ts';
import { isLacking, isUnstaged, type Lacking, resolved } from './staged-spec.ts';

export interface StagingParts {
  readonly core: Core;
  readonly blobs: Blobs;
  readonly datastore: Datastore;
  readonly log: (level: 'info' | 'warn', message: string, facts?: object) => void;
}

/** Progress is told to those who watch this often at most. */
const TOLD_MS = 500;
/** Of one job at the same time; the datastore limits what comes from one origin. */
const AT_ONCE = 8;

export class Staging {
  readonly #parts: StagingParts;
  readonly #lifetime = new AbortController();
  readonly #running = new Map<number, Promise<void>>();

  constructor(parts: StagingParts) {
    this.#parts = parts;
  }

  /** Brings what the job lacks, if anything. Once at a time for a job, whoever asks how often. */
  begin(job: Job): void {
    if (!isUnstaged(job.spec) || this.#running.has(job.id)) return;
    job.staging ??= 'its inputs are being fetched';
    const run = this.#run(job).finally(() => this.#running.delete(job.id));
    this.#running.set(job.id, run);
  }

  /** Breaks off what is under way: the next life begins it anew. */
  async close(): Promise<void> {
    this.#lifetime.abort();
    await Promise.all(this.#running.values());
  }

  async #run(job: Job): Promise<void> {
    const { core, log } = this.#parts;
    const { signal } = this.#lifetime;
    for (let failures = 1; ; failures++) {
      try {
        await this.#bringAll(job, signal);
        return;
      } catch (error) {
        if (signal.aborted || job.state === 'removed') return;
        if (!(error instanceof WindrowError)) {
          log('warn', 'staging failed unforeseen', { job: job.id, error: String(error) });
        }
        const next = isFinal(error)
          ? ({ next: 'fail', why: '' } as const)
          : afterFailure('stage-in', { 'stage-in': failures }, job.spec);
        if (next.next !== 'wait') return failStaging(core, job, messageOf(error), next.why);
        job.staging = `its inputs are fetched again after: ${messageOf(error)}`;
        core.happened({ kind: 'job', job: job.id });
        await pause(next.delayMs, signal);
      }
    }
  }

  async #bringAll(job: Job, signal: AbortSignal): Promise<void> {
    const { core } = this.#parts;
    const wanted = job.spec.inputs.filter(isLacking);
    const view = new ProgressText(wanted.length);
    const stop = new AbortController();
    const either = AbortSignal.any([signal, stop.signal]);
    let toldMs = Number.NEGATIVE_INFINITY;
    const onProgress = (progress: Progress) => {
      view.take(progress);
      job.staging = view.text();
      const nowMs = core.clock.monotonic();
      if (nowMs - toldMs < TOLD_MS) return;
      toldMs = nowMs;
      core.happened({ kind: 'progress', job: job.id });
    };
    const versions = new Map<string, NonNullable<RemoteInput['version']>>();
    const queue = [...wanted];
    const bringNext = async () => {
      for (let input = queue.shift(); input; input = queue.shift()) {
        if (job.state === 'removed') return;
        versions.set(input.name, await this.#bring(input, either, onProgress));
        view.done();
        job.staging = view.text();
      }
    };
    const lanes = Array.from({ length: Math.min(AT_ONCE, wanted.length) }, bringNext);
    try {
      await Promise.all(lanes);
    } catch (error) {
      stop.abort();
      await Promise.allSettled(lanes);
      throw error;
    }
    if (job.state === 'removed') return;
    job.spec = { ...job.spec, inputs: job.spec.inputs.map((input) => resolved(input, versions)) };
    core.commit.add({ kind: 'job-spec', job: job.id, spec: job.spec });
    // The versions first: a sweep that goes on after a restart goes on with the same bytes.
    await core.commit.durable();
    job.staging = null;
    core.happened({ kind: 'job', job: job.id });
    core.wake();
  }

  /** What was put there, as it is now; nothing is fetched for it. */
  async #hold(key: string): Promise<Held> {
    const held = await this.#parts.datastore.hold(key);
    if (held === null) throw serverErrors.create('ENTRY_NOT_HERE', { key });
    return held;
  }

  async #bring(
    { from }: Lacking,
    signal: AbortSignal,
    onProgress: (progress: Progress) => void,
  ): Promise<NonNullable<RemoteInput['version']>> {
    const { blobs, datastore } = this.#parts;
    if (from.sha256 !== '') {
      const bytes = blobs.claim(from.sha256) ? blobs.size(from.sha256) : null;
      if (bytes !== null && from.md5 === '') return { blob: from.sha256, bytes, source: '' };
    }
    const digests = {
      ...(from.sha256 === '' ? {} : { sha256: from.sha256 }),
      ...(from.md5 === '' ? {} : { md5: from.md5 }),
    };
    const mode = from.mode === 'immutable' ? 'immutable' : 'revalidate';
    const request: EnsureRequest = { key: from.url, mode, digests, signal, onProgress };
    const own = ownKeyOf(from.url);
    const held = own === null ? await datastore.ensure(request) : await this.#hold(own);
    try {
      // What was brought has been compared already; what was put there has not.
      const md5 = from.md5 === '' ? '' : await datastore.md5Of(held);
      if ((from.sha256 || held.sha256) !== held.sha256 || from.md5 !== md5) {
        const expected = from.sha256 || `MD5 ${from.md5}`;
        throw serverErrors.create('BLOB_DIGEST_WRONG', { found: held.sha256, expected });
      }
      await blobs.adopt(held);
      const source = own === null ? cameFrom(held.way.source, held.way.via) : 'server';
      return { blob: held.sha256, bytes: held.bytes, source };
    } finally {
      await held.release();
    }
  }
}

/** The key in the server's own datastore that `windrow:KEY` names; null for all other addresses. */
export function ownKeyOf(url: string): string | null {
  return url.startsWith(OWN) ? url.slice(OWN.length) : null;
}

const OWN = 'windrow:';

const WORTH_ANOTHER_TRY = new Set([
  'DATA_FETCH_FAILED',
  'DATA_DISK_FULL',
  'DATA_STORE_FAILED',
  'DISK_FULL',
]);

/** The origin has said no, or gives other bytes than were asked for: it will again. */
function isFinal(error: unknown): boolean {
  return error instanceof WindrowError && !WORTH_ANOTHER_TRY.has(error.code);
}

/** Its tasks stay as they are: retried or submitted again, the job goes on from here. */
export function failStaging(core: Core, job: Job, reason: string, why: string): void {
  const more = why === '' ? '' : ` (${why})`;
  job.staging = `its inputs could not be fetched: ${reason}`;
  setJobState(core, job, 'failed', `stage-in: ${reason}${more}`, 'server');
  core.active.delete(job.id);
  core.finished(job);
}

class ProgressText {
  readonly #files: number;
  readonly #under = new Map<string, Progress>();
  #done = 0;

  constructor(files: number) {
    this.#files = files;
  }

  take(progress: Progress): void {
    this.#under.set(progress.key, progress);
  }

  done(): void {
    this.#done++;
  }

  text(): string {
    let [bytes, totalBytes] = [0, 0];
    for (const one of this.#under.values()) {
      bytes += one.bytes;
      totalBytes += one.totalBytes ?? one.bytes;
    }
    const amount = totalBytes === 0 ? '' : ` (${formatBytes(bytes)} of ${formatBytes(totalBytes)})`;
    return `its inputs are being fetched: ${this.#done} of ${this.#files} are here${amount}`;
  }
}
