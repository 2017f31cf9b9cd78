/**
 * What workers do besides attempts. Errands are of the moment: a server that is started again knows
 * nothing of them, and whoever asked asks again.
 */
import type { Errand, ErrandReport, TraceCollection, TraceCollectionView } from '#wire';
import type { Core, Worker } from './core.ts';
import { serverErrors } from './errors.ts';

type Report = Omit<ErrandReport, 'worker' | 'state'> & {
  readonly state: 'told' | ErrandReport['state'];
};

interface Under {
  readonly errand: Errand;
  readonly reports: Map<string, Report>;
}

/** The oldest are forgotten. */
const MOST_KEPT = 100;
const NONE: readonly Errand[] = [];
const TOLD: Report = {
  ...{ state: 'told', stored: 0, failed: 0, bytes: 0, foundBytes: 0, doneBytes: 0, message: '' },
};

export class Errands {
  readonly #core: Core;
  readonly #under = new Map<number, Under>();
  /** By worker: every sync asks. */
  readonly #untold = new Map<string, Errand[]>();
  #nextId: number;

  constructor(core: Core) {
    this.#core = core;
    // Workers outlive their server and remember what they were told: no number comes twice.
    this.#nextId = Math.max(1, core.clock.now());
  }

  /** For every worker of Windrow's own that is there now. Throws ERRAND_NO_WORKERS. */
  collectTraces({ id: traceId, ...rest }: TraceCollection): TraceCollectionView {
    const workers = [...this.#core.workers.values()].filter(
      ({ kind, state, draining }) => kind === 'sync' && state !== 'lost' && !draining,
    );
    if (workers.length === 0) throw serverErrors.create('ERRAND_NO_WORKERS');
    const id = this.#nextId++;
    const errand: Errand = { id, kind: 'collect-traces', traceId, ...rest };
    this.#under.set(id, { errand, reports: new Map(workers.map((worker) => [worker.id, TOLD])) });
    for (const worker of workers) {
      this.#untold.set(worker.id, [...(this.#untold.get(worker.id) ?? []), errand]);
    }
    this.#forgetOldest();
    this.#core.wake();
    return this.view(id);
  }

  #forgetOldest(): void {
    const [oldest] = this.#under.keys();
    if (this.#under.size <= MOST_KEPT || oldest === undefined) return;
    for (const worker of this.#under.get(oldest)!.reports.keys()) this.#told(oldest, worker);
    this.#under.delete(oldest);
  }

  /** Those that the worker has not reported on yet. */
  of(worker: Pick<Worker, 'id'>): readonly Errand[] {
    return this.#untold.get(worker.id) ?? NONE;
  }

  /** What nobody knows of any more is of no interest. */
  report(id: number, { worker, ...report }: ErrandReport): void {
    const reports = this.#under.get(id)?.reports;
    const known = reports?.get(worker);
    if (!reports || !known) return;
    // News of how far it was may come after that of its end.
    if (report.state === 'running' && isOver(known)) return;
    reports.set(worker, report);
    this.#told(id, worker);
  }

  #told(id: number, worker: string): void {
    const left = this.of({ id: worker }).filter((errand) => errand.id !== id);
    if (left.length > 0) this.#untold.set(worker, left);
    else this.#untold.delete(worker);
  }

  /** Throws ERRAND_UNKNOWN. */
  view(id: number): TraceCollectionView {
    const under = this.#under.get(id);
    if (!under) throw serverErrors.create('ERRAND_UNKNOWN', { errand: id });
    const workers = [...under.reports].map(([worker, report]) => {
      const known = this.#core.workers.get(worker);
      const isLost = !known || known.state === 'lost';
      const state = isLost && !isOver(report) ? ('lost' as const) : report.state;
      return { ...report, worker, name: known?.name ?? worker, state };
    });
    return { collection: id, id: under.errand.traceId, workers };
  }
}

function isOver({ state }: Report): boolean {
  return state === 'done' || state === 'failed';
}
