/** What sources have in common: where reports go, and how files are looked at. */
import type { Fate } from '../collector/counters.ts';
import type { NodeReport, TrapReport } from '../report.ts';

/** What came and was not taken; `suppressed`: it is not worth a trap. */
export type RefusedFate = 'denied' | 'malformed' | 'dropped' | 'suppressed';

/** The collector, as sources see it. */
export interface TrapSink {
  accept(report: TrapReport): Fate;
  observe(report: NodeReport): void;
  /** Counts what came and was not taken. */
  refuse(fate: RefusedFate, reports?: number): void;
  /** Reports that never arrived, as the kernel counts them. */
  lose(reports: number): void;
}

/** A source that runs until it is closed. */
export interface RunningSource {
  close(): Promise<void>;
}
