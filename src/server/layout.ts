/** Where things lie in a state directory. */
import { join } from 'node:path';
import type { JobId, Ticket } from '#model';

export interface Layout {
  readonly root: string;
  readonly database: string;
  /** Secrets, mode 0600. */
  readonly session: string;
  readonly adminToken: string;
  /** `{ url, pid, version }` of the server that runs, for those on this machine. */
  readonly endpoint: string;
  readonly tables: string;
  table(id: string): string;
  tableIndex(id: string): string;
  readonly blobs: string;
  blob(sha256: string): string;
  /** Blobs that are coming in pieces. */
  readonly uploads: string;
  /** Parts of results that were uploaded before the end of their attempt was reported. */
  readonly spool: string;
  spooled(ticket: Ticket, index: number): string;
  /** The segment files of a job. */
  results(job: JobId): string;
  /** What was collected of a job that names no output: from here it is fetched. */
  output(job: JobId): string;
  /** Where a validator's or collector's files are made. */
  readonly work: string;
}

export function layoutOf(root: string): Layout {
  return {
    root,
    database: join(root, 'windrow.sqlite'),
    session: join(root, 'session'),
    adminToken: join(root, 'admin-token'),
    endpoint: join(root, 'server.json'),
    tables: join(root, 'tables'),
    table: (id) => join(root, 'tables', id),
    tableIndex: (id) => join(root, 'tables', `${id}.index`),
    blobs: join(root, 'blobs'),
    blob: (sha256) => join(root, 'blobs', sha256),
    uploads: join(root, 'uploads'),
    spool: join(root, 'spool'),
    spooled: (ticket, index) => join(root, 'spool', `${ticket}-${index}`),
    results: (job) => join(root, 'jobs', String(job)),
    output: (job) => join(root, 'jobs', String(job), 'output'),
    work: join(root, 'work'),
  };
}
