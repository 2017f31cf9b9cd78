/** What owners use, and what of the limits is taken: changed with each lease. */
import { averageAfter, type Limit, type Share } from '#scheduler';
import type { Change, StoredShare } from '#store';
import type { Core, Taken } from '../core.ts';

/** What an owner uses and has used of late. */
export interface OwnerUse {
  averageCpus: number;
  /** Of the server's monotonic clock: when the average was right. */
  atMs: number;
  /** Of his attempts that are under way. */
  cpus: number;
  /** The average is another than the one that is stored. */
  isDirty: boolean;
}

/** Averages are brought up to date in steps of at least this. */
const FINEST_MS = 1;

/** Averages are stored no more often than this; a crash forgets what was used since. */
export const SHARES_MS = 10_000;

/** @param leases so many have begun; negative: are over. */
export function countShare(core: Core, { owner, request, limits }: Taken, leases: number): void {
  const use = currentUse(core, owner);
  use.cpus = Math.max(0, use.cpus + leases * request.cpus);
  use.isDirty = true;
  for (const [name, amount] of limits) {
    const used = (core.limitsUsed.get(name) ?? 0) + leases * amount;
    if (used > 1e-9) core.limitsUsed.set(name, used);
    else core.limitsUsed.delete(name);
  }
}

/** The owner's use with its average brought up to this moment. */
export function currentUse(core: Core, owner: string): OwnerUse {
  const nowMs = core.clock.monotonic();
  let use = core.uses.get(owner);
  if (use === undefined) {
    use = { averageCpus: 0, atMs: nowMs, cpus: 0, isDirty: false };
    core.uses.set(owner, use);
  }
  // Ends come by the hundred at a time: not each needs a power of its own.
  if (nowMs - use.atMs < FINEST_MS) return use;
  const { halfLifeMs } = core.settings.sharing;
  use.averageCpus = averageAfter(use.averageCpus, use.cpus, nowMs - use.atMs, halfLifeMs);
  use.atMs = nowMs;
  return use;
}

/** Shares of the owners of jobs that are not over. */
export function sharesOf(core: Core, owners: Iterable<string>): Map<string, Share> {
  const shares = new Map<string, Share>();
  for (const owner of owners) {
    if (shares.has(owner)) continue;
    const { averageCpus } = currentUse(core, owner);
    shares.set(owner, { averageCpus, weight: core.settings.sharing.weights[owner] ?? 1 });
  }
  return shares;
}

export function limitsOf({ settings, limitsUsed }: Core): Map<string, Limit> {
  const limits = Object.entries(settings.sharing.limits).map(
    ([name, most]) => [name, { most, used: limitsUsed.get(name) ?? 0 }] as const,
  );
  return new Map(limits);
}

/** What one has used counts for nothing below this. */
const FORGOTTEN_CPUS = 1e-3;

/** Averages that are to be stored; asked for, they count as stored. */
export function storeShares(core: Core): Change[] {
  const atMs = core.clock.now();
  const changes: Change[] = [];
  for (const [owner, known] of core.uses) {
    if (!known.isDirty) continue;
    const use = currentUse(core, owner);
    // It goes on changing for as long as something of his runs.
    use.isDirty = use.cpus > 0;
    if (use.cpus === 0 && use.averageCpus < FORGOTTEN_CPUS) {
      core.uses.delete(owner);
      changes.push({ kind: 'share-forgotten', owner });
    } else {
      changes.push({ kind: 'share', share: { owner, averageCpus: use.averageCpus, atMs } });
    }
  }
  return changes;
}

/** As they were stored; what was used since is not known. */
export function restoreShares(core: Core, stored: readonly StoredShare[]): void {
  const nowMs = core.clock.monotonic();
  for (const { owner, averageCpus, atMs } of stored) {
    const agoMs = Math.max(0, core.clock.now() - atMs);
    core.uses.set(owner, { averageCpus, atMs: nowMs - agoMs, cpus: 0, isDirty: true });
    currentUse(core, owner);
  }
}
