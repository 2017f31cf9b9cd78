/** What is usual where nobody says otherwise. */
import type { FetchLimits, StoreLimits } from './port.ts';

const GIB = 2 ** 30;

export const USUAL_LIMITS: StoreLimits = {
  mostBytes: 0,
  mostFiles: 0,
  leastFreeBytes: GIB,
  high: 0.95,
  low: 0.9,
};

export const USUAL_FETCHING: FetchLimits = {
  perOrigin: 8,
  inAll: 32,
  tries: 5,
  backoffFromMs: 1000,
  backoffToMs: 60_000,
  slowBytesPerSecond: 1000,
  slowMs: 60_000,
};
