/** Limits on how much may be in use at once: licences, connections to a database. */
import type { JobView, Limit } from './snapshot.ts';

/** How many attempts of the job the limits leave room for. */
export function roomInLimits(job: JobView, limits: ReadonlyMap<string, Limit>): number {
  let least = Number.POSITIVE_INFINITY;
  for (const [name, amount] of job.limits) {
    const limit = limits.get(name);
    // Sums of fractions are not exact.
    if (limit) least = Math.min(least, Math.floor((limit.most - limit.used) / amount + 1e-9));
  }
  return Math.max(0, least);
}

/** Why the limits let nothing of the job start now, or null. */
export function limitRefusal(job: JobView, limits: ReadonlyMap<string, Limit>): string | null {
  for (const [name, amount] of job.limits) {
    const limit = limits.get(name);
    if (!limit || limit.most - limit.used + 1e-9 >= amount) continue;
    const { most, used } = limit;
    if (amount > most) return `an attempt takes ${amount} of ${name}, and there are ${most} in all`;
    return `an attempt takes ${amount} of ${name}, and ${used} of ${most} are in use`;
  }
  return null;
}

/** What is left for others when `count` attempts of the job have been granted. */
export function withAttempts(
  limits: ReadonlyMap<string, Limit>,
  job: JobView,
  count: number,
): ReadonlyMap<string, Limit> {
  if (job.limits.length === 0) return limits;
  const changed = new Map(limits);
  for (const [name, amount] of job.limits) {
    const limit = changed.get(name);
    if (limit) changed.set(name, { ...limit, used: limit.used + amount * count });
  }
  return changed;
}
