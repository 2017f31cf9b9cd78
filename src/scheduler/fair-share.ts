/**
 * Shares of owners, as HTCondor's user priorities: an owner's use is averaged over the past, with
 * weights that halve every half-life, and slots are divided in inverse proportion to it. Who uses
 * more than others now gets less later; over some half-lives all get what their weights say.
 */
import type { Share } from './snapshot.ts';

/** The use of one who has used nothing counts as this, so that newcomers differ by their weights. */
const LEAST_CPUS = 0.5;

/** The average after `forMs` during which `cpus` were in use. */
export function averageAfter(
  averageCpus: number,
  cpus: number,
  forMs: number,
  halfLifeMs: number,
): number {
  const kept = 0.5 ** (Math.max(0, forMs) / halfLifeMs);
  return averageCpus * kept + cpus * (1 - kept);
}

/** What one more CPU costs the owner; the one to whom it is cheapest is next. */
export function priceOf(share: Share | undefined): number {
  const { averageCpus, weight } = share ?? { averageCpus: 0, weight: 1 };
  return Math.max(LEAST_CPUS, averageCpus) / weight;
}
