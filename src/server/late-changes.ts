/** What joins a group of changes at the moment in which it is closed. */
import { allDone } from '#base';
import type { Change } from '#store';
import type { Latecomers } from './commit.ts';
import type { Core, Job } from './core.ts';
import { SHARES_MS, storeShares } from './reactor/sharing.ts';

/** Statistics that only count on are stored no more often than this, together with something else. */
const STATISTICS_MS = 1000;
/** After this they are stored alone; a server that is started again counts what has ended since. */
const STATISTICS_ALONE_MS = 10_000;

export class LateChanges {
  readonly #core: Core;
  #statisticsAtMs = 0;
  #sharesAtMs = 0;

  constructor(core: Core) {
    this.#core = core;
  }

  /** All in one turn, so that ends of attempts, their results and the states fit together. */
  take(): Latecomers {
    const changes: Change[] = [];
    const flushes: Promise<void>[] = [];
    const nowMs = this.#core.clock.monotonic();
    const areStatisticsDue = nowMs - this.#statisticsAtMs >= STATISTICS_MS;
    if (areStatisticsDue) this.#statisticsAtMs = nowMs;
    // Of thousands of jobs, most of them over, a commit touches a few: the others cost a look.
    for (const job of this.#core.jobs.values()) {
      if (job.results.isPending) {
        changes.push(...resultsEnd(job));
        flushes.push(job.results.flush());
      }
      for (const { segment, bytes } of job.tasks.takeDirty()) {
        changes.push({ kind: 'states', job: job.id, segment, bytes });
      }
      if (job.statisticsUrgent || (areStatisticsDue && job.statisticsDirty)) {
        changes.push(this.#statisticsOf(job));
      }
    }
    if (this.#areSharesDue()) {
      this.#sharesAtMs = this.#core.clock.monotonic();
      changes.push(...storeShares(this.#core));
    }
    return { changes, synced: allDone(flushes) };
  }

  /** Whether something is to be stored although nothing else is. */
  areDue(): boolean {
    if (this.#areSharesDue()) return true;
    const sinceMs = this.#core.clock.monotonic() - this.#statisticsAtMs;
    if (sinceMs < STATISTICS_ALONE_MS) return false;
    return this.#core.jobs.values().some((job) => job.statisticsDirty);
  }

  /** Whether what owners have used is to be stored. */
  #areSharesDue(): boolean {
    const sinceMs = this.#core.clock.monotonic() - this.#sharesAtMs;
    return sinceMs >= SHARES_MS && [...this.#core.uses.values()].some(({ isDirty }) => isDirty);
  }

  #statisticsOf(job: Job): Change {
    job.statisticsDirty = false;
    job.statisticsUrgent = false;
    const json = JSON.stringify(job.statistics);
    return { kind: 'statistics', job: job.id, through: this.#core.sequence, json };
  }
}

function resultsEnd(job: Job): Change[] {
  const { segment, bytes } = job.results.end;
  if (job.resultsEnd?.segment === segment && job.resultsEnd.bytes === bytes) return [];
  job.resultsEnd = { segment, bytes };
  return [{ kind: 'results-end', job: job.id, segment, bytes }];
}
