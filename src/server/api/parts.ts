/** What the handlers of the user API work with. */
import type { Datastore } from '#datastore';
import type { Store } from '#store';
import type { Collecting } from '../collecting.ts';
import type { Core, Job, Worker } from '../core.ts';
import { serverErrors } from '../errors.ts';
import type { Events } from '../events.ts';
import type { Blobs } from '../intake/blobs.ts';
import type { Intake } from '../intake/submit.ts';
import type { Tables } from '../intake/tables.ts';
import type { Layout } from '../layout.ts';

export interface ApiParts {
  readonly core: Core;
  readonly store: Store;
  readonly layout: Layout;
  readonly tables: Tables;
  readonly blobs: Blobs;
  readonly intake: Intake;
  readonly collecting: Collecting;
  readonly events: Events;
  /** Null: it has none, as where it only reads. */
  readonly datastore: Datastore | null;
  readonly version: string;
  readonly startedAtMs: number;
  /** Address that the server answers at, once it does. */
  readonly url: () => string;
  /** It only reads what is stored: no server runs. */
  readonly readOnly: boolean;
  /** Ends the server: after what runs, or at once. */
  readonly stop: (mode: 'drain' | 'now') => void;
}

/** @throws WindrowError JOB_UNKNOWN */
export function jobOf(core: Core, id: number): Job {
  const job = core.jobs.get(id);
  if (!job) throw serverErrors.create('JOB_UNKNOWN', { job: id });
  return job;
}

/** @throws WindrowError TASK_UNKNOWN */
export function requireTask(job: Job, task: number): void {
  if (task >= job.tasks.rows) {
    throw serverErrors.create('TASK_UNKNOWN', { job: job.id, task, last: job.tasks.rows - 1 });
  }
}

/** @throws WindrowError WORKER_UNKNOWN */
export function workerOf(core: Core, name: string): Worker {
  // A worker that was started anew has the name of the one that is lost.
  const named = [...core.workers.values()].filter((other) => other.name === name);
  const worker =
    core.workers.get(name) ?? named.findLast(({ state }) => state !== 'lost') ?? named.at(-1);
  if (!worker) throw serverErrors.create('WORKER_UNKNOWN', { worker: name });
  return worker;
}

export function parametersOf(job: Job, task: number): Record<string, string> {
  const cells = job.rows.row(task);
  return Object.fromEntries(job.columns.map((column, index) => [column, cells[index]!]));
}
