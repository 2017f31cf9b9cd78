/**
 * The traps of several collectors as one list: each trap once, however many have it. Traps are the
 * same by their id. A condition that two collectors found by themselves, without a number of its
 * source, may have two ids; it is the same while it holds in both.
 */
import type { TrapRecord } from '#model';

export interface MergedTrap extends TrapRecord {
  /** URLs of the collectors that have it. */
  readonly seenBy: readonly string[];
}

/** @param views the traps that each collector keeps, by its URL */
export function mergeTraps(views: ReadonlyMap<string, readonly TrapRecord[]>): MergedTrap[] {
  const byId = new Map<string, { trap: TrapRecord; seenBy: string[] }>();
  for (const [url, traps] of views) {
    for (const trap of traps) {
      const known = byId.get(trap.id);
      if (!known) byId.set(trap.id, { trap, seenBy: [url] });
      else {
        known.seenBy.push(url);
        known.trap = joined(known.trap, trap);
      }
    }
  }
  const merged = [...byId.values()].map(({ trap, seenBy }) => ({ ...trap, seenBy }));
  return oneForEachCondition(merged).sort((a, b) => a.atMs - b.atMs || (a.id < b.id ? -1 : 1));
}

/** What one collector missed another has: the end, an acknowledgement, the earlier sight. */
function joined(a: TrapRecord, b: TrapRecord): TrapRecord {
  const [first, other] = a.receivedAtMs <= b.receivedAtMs ? [a, b] : [b, a];
  return {
    ...first,
    count: Math.max(a.count, b.count),
    lastAtMs: Math.max(a.lastAtMs, b.lastAtMs),
    over: first.over ?? other.over,
    acknowledged: first.acknowledged ?? other.acknowledged,
    silence: first.silence ?? other.silence,
  };
}

/** Of what holds under one name, the one that was seen first stands for all that say the same. */
function oneForEachCondition(traps: readonly MergedTrap[]): MergedTrap[] {
  const holding = new Map<string, MergedTrap>();
  const shown: MergedTrap[] = [];
  for (const trap of traps.toSorted((a, b) => a.receivedAtMs - b.receivedAtMs)) {
    const key = conditionOf(trap);
    const before = key === null ? undefined : holding.get(key);
    if (
      before &&
      before.category === trap.category &&
      before.message === trap.message &&
      !overlaps(before, trap)
    ) {
      const seenBy = [...new Set([...before.seenBy, ...trap.seenBy])];
      const both = { ...before, seenBy, acknowledged: before.acknowledged ?? trap.acknowledged };
      shown[shown.indexOf(before)] = both;
      holding.set(key!, both);
      continue;
    }
    if (key !== null) holding.set(key, trap);
    shown.push(trap);
  }
  return shown;
}

/** One collector that has both holds them for different. */
function overlaps(a: MergedTrap, b: MergedTrap): boolean {
  return a.seenBy.some((url) => b.seenBy.includes(url));
}

/** What a raise that holds is about; null for everything else. */
export function conditionOf({
  kind,
  over,
  node,
  fileSystem,
  condition,
}: TrapRecord): string | null {
  return kind === 'raise' && over === null ? [node, fileSystem, condition].join('\0') : null;
}
