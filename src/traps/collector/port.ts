/** What a collector is made of, and what it tells. */
import type { Clock } from '#base';
import type { RememberedTraps, TrapRecord } from '#model';

export interface CollectorOptions {
  readonly clock: Clock;
  readonly maxTraps: number;
  readonly maxNodes: number;
  /** The same event within this time is folded; 0: never. */
  readonly foldMs: number;
  /** Whether somebody takes its changes and keeps them. */
  readonly hasHistory: boolean;
  /** Of an earlier life, or null. */
  readonly remembered: RememberedTraps | null;
  /** Called for each trap that is told to monitors. */
  readonly onTold?: (trap: TrapRecord) => void;
  /** Called when time alone begins to change something: it is to be ticked soon, and each second. */
  readonly onTimely?: () => void;
}

/** What a monitor is told: traps after its mark, and the mark for its next question. */
export interface Told {
  readonly traps: readonly TrapRecord[];
  readonly mark: number;
}
