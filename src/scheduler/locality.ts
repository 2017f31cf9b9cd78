/**
 * Tasks go where their data is, and data goes where tasks would wait too long for that. Delay
 * scheduling (Zaharia et al., EuroSys 2010), with a patience that grows with the bytes that it saves.
 */
import { formatBytes } from '#base';
import { room, unfit } from './filter.ts';
import type { Look } from './matchmaker.ts';
import type { JobView, Plan, WorkerView } from './snapshot.ts';

/** What a worker has yet to get before it may be given tasks of a job. */
export interface Lack {
  readonly bytes: number;
  /** It was told to get it. */
  readonly fetching: boolean;
  /** How long it could have taken tasks of the job. */
  readonly waitedMs: number;
}

/** As fast as a copy over a common network: waiting longer than a transfer takes gains nothing. */
const BYTES_PER_MS = 100_000;
/** No free slot waits longer than this for data that lies elsewhere. */
const LONGEST_PATIENCE_MS = 30_000;

export function patienceMs(bytes: number): number {
  return Math.min(LONGEST_PATIENCE_MS, Math.ceil(bytes / BYTES_PER_MS));
}

/** A job of which tasks are left after everything was placed that could be. */
export interface Unplaced {
  readonly job: JobView;
  readonly ready: number;
}

/**
 * Who is to get the data of which job: machines with room, in their order, until as many slots hold
 * or get it as there are tasks; but while others hold it, only those that have waited long enough.
 */
export function placeData(
  { unplaced, workers }: { unplaced: readonly Unplaced[]; workers: readonly WorkerView[] },
  look: Pick<Look, 'fits'>,
): Pick<Plan, 'fetches' | 'lookAgainMs'> {
  const fetches: { worker: string; job: number }[] = [];
  let lookAgainMs: number | null = null;
  for (const { job, ready } of unplaced) {
    let slots = job.dataSlots.here + job.dataSlots.coming;
    for (const worker of workers) {
      const lack = worker.lacks.get(job.job);
      if (ready === 0 || slots >= job.ready + job.running) break;
      if (!lack || lack.fetching || room(job, worker) === 0) continue;
      if (unfit(job, worker) !== null || !look.fits(job.ad, worker.ad)) continue;
      const waitsMs = job.dataSlots.here === 0 ? 0 : patienceMs(lack.bytes) - lack.waitedMs;
      if (waitsMs > 0) {
        lookAgainMs = Math.min(lookAgainMs ?? waitsMs, waitsMs);
        continue;
      }
      fetches.push({ worker: worker.id, job: job.job });
      slots += worker.slots;
    }
  }
  return { fetches, lookAgainMs };
}

/** Why a worker that could run tasks of a job gets none yet, or null. */
export function lackText(job: JobView, worker: WorkerView): string | null {
  const lack = worker.lacks.get(job.job);
  if (!lack) return null;
  const bytes = formatBytes(lack.bytes);
  if (lack.fetching) return `it is fetching inputs of the job (${bytes})`;
  const elsewhere = job.dataSlots.here + job.dataSlots.coming;
  const others = elsewhere === 0 ? '' : `, which ${elsewhere} slots of others have or get`;
  return `it lacks inputs of the job (${bytes})${others}`;
}
