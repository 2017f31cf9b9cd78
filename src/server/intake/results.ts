/** What attempts produced, on its way from a worker into the job's segment files. */
import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { RecordPlace, Ticket } from '#model';
import type { InlinePart, SpooledPart } from '#results';
import type { EndedAttempt, SentPart, SyncRequest } from '#wire';
import type { Core, Job, Lease, LostLease } from '../core.ts';
import { serverErrors } from '../errors.ts';
import type { Layout } from '../layout.ts';
import { isOwn } from '../reactor/lost.ts';
import { receiveFile } from './streams.ts';

export class ResultIntake {
  readonly #core: Core;
  readonly #layout: Layout;

  constructor(core: Core, layout: Layout) {
    this.#core = core;
    this.#layout = layout;
    mkdirSync(layout.spool, { recursive: true, mode: 0o700 });
  }

  /** Removes uploads of attempts that are not in flight any more; called once, at the start. */
  removeStale(): void {
    for (const name of readdirSync(this.#layout.spool)) {
      const ticket = Number.parseInt(name, 10);
      if (!this.#jobOf(ticket)) rmSync(join(this.#layout.spool, name), { force: true });
    }
  }

  /**
   * Takes one large part of a running attempt. A part that is sent again replaces the first.
   * @throws WindrowError TICKET_NOT_CURRENT, UPLOAD_TOO_LARGE, UPLOAD_CUT, DISK_FULL
   */
  async receivePart(ticket: Ticket, index: number, body: AsyncIterable<Buffer>): Promise<void> {
    const job = this.#jobOf(ticket);
    if (!job) throw serverErrors.create('TICKET_NOT_CURRENT', { ticket });
    const final = this.#layout.spooled(ticket, index);
    const limitBytes = Math.max(job.spec.resultBytes, job.spec.logBytes);
    await receiveFile(body, `${final}.${randomUUID()}`, { limitBytes, sync: false }, () => final);
  }

  #jobOf(ticket: Ticket): Job | undefined {
    const lease = this.#core.leases.get(ticket) ?? this.#core.lost.get(ticket);
    return lease && this.#core.jobs.get(lease.job);
  }

  /** Copies uploaded parts into segments before the ends that name them are acted on. */
  async storeUploads(
    ended: readonly EndedAttempt[],
    request: SyncRequest,
  ): Promise<Map<Ticket, RecordPlace | Error>> {
    const places = new Map<Ticket, RecordPlace | Error>();
    for (const end of ended) {
      const lease = this.#leaseOf(end.ticket, request);
      if (lease) places.set(end.ticket, await this.#storeLarge(lease, end));
    }
    return places;
  }

  #leaseOf(ticket: Ticket, { worker, name }: SyncRequest): Lease | LostLease | null {
    const { leases, lost } = this.#core;
    const lease = leases.get(ticket);
    if (lease) return lease.worker === worker ? lease : null;
    const gone = lost.get(ticket);
    return gone && isOwn(gone, { id: worker, name }) ? gone : null;
  }

  async #storeLarge(lease: Lease | LostLease, end: EndedAttempt): Promise<RecordPlace | Error> {
    const job = this.#core.jobs.get(lease.job)!;
    const parts = end.parts.map((part) =>
      'uploaded' in part ? this.#spooled(lease.ticket, part) : inlinePart(part),
    );
    try {
      const { ticket, task } = lease;
      return await job.results.appendLarge({ ticket, job: job.id, task, parts });
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  #spooled(ticket: Ticket, part: Extract<SentPart, { uploaded: number }>): SpooledPart {
    const { name, kind, file, cutBytes, bytes, sha256 } = part;
    const path = this.#layout.spooled(ticket, part.uploaded);
    return { name, kind, file, cutBytes, spool: { path, bytes, sha256 } };
  }

  /** Small parts; in memory until the next commit. Null when there is nothing to keep. */
  append(lease: Lease, end: EndedAttempt): RecordPlace | null {
    if (end.parts.length === 0) return null;
    const job = this.#core.jobs.get(lease.job)!;
    const parts = end.parts.filter((part) => !('uploaded' in part)).map(inlinePart);
    return job.results.append({ ticket: lease.ticket, job: job.id, task: lease.task, parts });
  }

  /** The uploads of an attempt are not needed any more: it has ended durably. */
  async drop(end: EndedAttempt): Promise<void> {
    for (const part of end.parts) {
      if ('uploaded' in part)
        await rm(this.#layout.spooled(end.ticket, part.uploaded), { force: true });
    }
  }

  /** Whether a part lies in the spool; for tests of durability. */
  hasSpooled(ticket: Ticket, index: number): boolean {
    return statSync(this.#layout.spooled(ticket, index), { throwIfNoEntry: false }) !== undefined;
  }
}

function inlinePart(part: SentPart): InlinePart {
  const { name, kind, file, cutBytes } = part;
  const content =
    'text' in part ? part.text : 'base64' in part ? Buffer.from(part.base64, 'base64') : '';
  return { name, kind, file, cutBytes, content };
}
