/**
 * Files of jobs that disks have spoilt. Workers refuse bytes that are not what was promised; when one
 * could not get a job's inputs, what the server keeps of them is read again. What is damaged is set
 * aside and told of; what has an address is fetched again, the same bytes, and the job goes on; a file
 * that a user sent is beyond that, and the job fails with the reason until it is sent again.
 */
import { messageOf } from '#base';
import type { Datastore } from '#datastore';
import type { JobId } from '#model';
import type { Digests } from '#uploads';
import type { Core, Job } from './core.ts';
import { onDamage } from './data-orders.ts';
import { serverErrors } from './errors.ts';
import { type Blobs, blobsOf } from './intake/blobs.ts';
import { failStaging, ownKeyOf } from './staging.ts';

export interface InputRepairParts {
  readonly core: Core;
  readonly blobs: Blobs;
  /** Null: nothing can be fetched again. */
  readonly datastore: Datastore | null;
  readonly log: (level: 'info' | 'warn', message: string, facts?: object) => void;
}

/** Reading a file again for its digest costs as much as sending it: not at every complaint. */
const CHECKED_MS = 600_000;

type Lost = ReturnType<typeof blobsOf>[number];

export class InputRepair {
  readonly #parts: InputRepairParts;
  readonly #lifetime = new AbortController();
  /** When a blob was found whole, on the monotonic clock. */
  readonly #wholeMs = new Map<string, number>();
  readonly #running = new Map<JobId, Promise<void>>();
  #digests: Promise<Digests> | null = null;

  constructor(parts: InputRepairParts) {
    this.#parts = parts;
  }

  /** A worker could not get its inputs. Once at a time for a job, whoever complains how often. */
  suspect(job: Job): void {
    if (this.#running.has(job.id) || this.#lifetime.signal.aborted) return;
    if (job.staging !== null || job.state === 'removed') return;
    const run = this.#look(job)
      .catch((error) => this.#tellFailure(job, error))
      .finally(() => this.#running.delete(job.id));
    this.#running.set(job.id, run);
  }

  async close(): Promise<void> {
    this.#lifetime.abort();
    await (await this.#digests)?.close();
    await Promise.all(this.#running.values());
  }

  async #look(job: Job): Promise<void> {
    const lost: Lost[] = [];
    const seen = new Set<string>();
    for (const needed of blobsOf(job.spec)) {
      if (seen.has(needed.blob)) continue;
      seen.add(needed.blob);
      if (await this.#isLost(job, needed)) lost.push(needed);
    }
    if (lost.length === 0 || this.#isOver(job)) return;
    job.staging = 'inputs that were damaged on the server are fetched again';
    for (const one of lost) {
      const isBack = await this.#bringBack(job, one);
      if (this.#isOver(job)) return;
      if (!isBack) return;
    }
    job.staging = null;
    this.#parts.core.happened({ kind: 'job', job: job.id });
    this.#parts.core.wake();
  }

  #isOver(job: Job): boolean {
    return job.state === 'removed' || this.#lifetime.signal.aborted;
  }

  async #isLost(job: Job, { blob, use }: Lost): Promise<boolean> {
    const { core, blobs } = this.#parts;
    const nowMs = core.clock.monotonic();
    const checkedMs = this.#wholeMs.get(blob) ?? Number.NEGATIVE_INFINITY;
    if (blobs.size(blob) !== null && nowMs - checkedMs < CHECKED_MS) return false;
    const found = blobs.size(blob) === null ? null : await this.#digestOf(blob);
    if (found === blob) {
      this.#wholeMs.set(blob, nowMs);
      return false;
    }
    this.#wholeMs.delete(blob);
    if (found !== null) blobs.setAside(blob);
    const reason = found === null ? 'it is missing' : `its SHA-256 is ${found}`;
    onDamage(core, { key: `${use} of job ${job.id}`, reason, worker: '' });
    return true;
  }

  /** By a thread of its own, which is started when it is wanted. */
  async #digestOf(blob: string): Promise<string> {
    this.#digests ??= import('#uploads').then(({ Digests }) => new Digests());
    return (await this.#digests).ofFile(this.#parts.blobs.path(blob));
  }

  /** False: it cannot be had, and the job has failed. */
  async #bringBack(job: Job, { blob, use }: Lost): Promise<boolean> {
    const { core, blobs, datastore } = this.#parts;
    const url = addressOf(job, blob);
    // It may have been sent again meanwhile, by another submission.
    if (blobs.claim(blob)) return true;
    if (url === null || datastore === null) {
      const reason = `${use} was damaged on the disk of the server; submitting again sends it again`;
      failStaging(core, job, reason, '');
      return false;
    }
    try {
      // The store's own copy may be another name of the same damaged file.
      const { signal } = this.#lifetime;
      const own = ownKeyOf(url);
      await datastore.verify({ keys: [own ?? url], signal });
      const held =
        own === null
          ? await datastore.ensure({
              ...{ key: url, mode: 'immutable', digests: { sha256: blob }, signal },
            })
          : await datastore.holdContent(blob);
      if (held === null) throw serverErrors.create('ENTRY_NOT_HERE', { key: own ?? url });
      try {
        await blobs.adopt(held);
      } finally {
        await held.release();
      }
      return true;
    } catch (error) {
      if (!this.#isOver(job)) {
        failStaging(core, job, `${use} was damaged, and: ${messageOf(error)}`, '');
      }
      return false;
    }
  }

  #tellFailure(job: Job, error: unknown): void {
    if (this.#lifetime.signal.aborted) return;
    const facts = { job: job.id, reason: messageOf(error) };
    this.#parts.log('warn', 'inputs could not be checked', facts);
  }
}

function addressOf({ spec }: Job, blob: string): string | null {
  for (const { from } of spec.inputs) {
    if (from.kind === 'url' && from.version?.blob === blob) return from.url;
  }
  return null;
}
