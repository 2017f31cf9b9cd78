/** What sources have in common: where reports go, and how files are looked at. */
import type { Fate } from '../collector/counters.ts';
import type { NodeReport, TrapReport } from '../report.ts';

/** The collector, as sources see it. */
export interface TrapSink {
  accept(report: TrapReport): Fate;
  observe(report: NodeReport): void;
  /** What came and could not be a report. */
  refuse(fate: 'denied' | 'malformed' | 'dropped', reports?: number): void;
  /** Reports that never arrived, as the kernel counts them. */
  lose(reports: number): void;
}

/** A source that runs until it is closed. */
export interface RunningSource {
  close(): Promise<void>;
}
