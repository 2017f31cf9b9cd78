import type { FetchLimits } from '../port.ts';
import { TransferFailure } from '../transport.ts';

/** Gives up a transfer that stays below the floor for a whole window. */
export interface SlowGuard {
  readonly signal: AbortSignal;
  add(bytes: number): void;
  /** The attempt is over; what it still has open is broken off. */
  end(): void;
}

/** The guard's signal is aborted with a TransferFailure, or with the reason of `signal`. */
export function guardAgainstSlowness(limits: FetchLimits, signal: AbortSignal): SlowGuard {
  const { slowBytesPerSecond, slowMs } = limits;
  const slow = new AbortController();
  let bytes = 0;
  const timer = setInterval(() => {
    if (bytes < (slowBytesPerSecond * slowMs) / 1000) {
      const seconds = slowMs / 1000;
      const told = `fewer than ${slowBytesPerSecond} bytes a second came for ${seconds} s`;
      slow.abort(new TransferFailure('again', told));
    }
    bytes = 0;
  }, slowMs);
  return {
    signal: AbortSignal.any([signal, slow.signal]),
    add: (more) => {
      bytes += more;
    },
    end: () => {
      clearInterval(timer);
      slow.abort(new TransferFailure('again', 'the attempt is over'));
    },
  };
}
