import { ManualClock } from '#base';
import type { RememberedTraps, Silence, TrapCategory } from '#model';
import { Collector } from '../collector/collector.ts';
import type { CollectorOptions } from '../collector/port.ts';
import { type TrapReport, trapReport } from '../report.ts';

/** 2026-11-21. */
export const NOW_MS = 1_795_280_000_000;

export function openCollector(options: Partial<CollectorOptions> = {}): {
  collector: Collector;
  clock: ManualClock;
} {
  const clock = (options.clock as ManualClock | undefined) ?? new ManualClock(NOW_MS);
  const limits = { maxTraps: 250, maxNodes: 1000, foldMs: 600_000 };
  const given = { ...limits, hasHistory: true, remembered: null };
  const collector = new Collector({ ...given, ...options, clock });
  // As if whoever keeps its changes were quick.
  collector.marksAreKept(2 ** 31 - 1);
  return { collector, clock };
}

export function event(
  message: string,
  category: TrapCategory = 1,
  more: Partial<TrapReport> = {},
): TrapReport {
  return trapReport({ node: 'node1', message, category, source: 'test', ...more });
}

export function raise(
  condition: string,
  category: TrapCategory = 2,
  more: Partial<TrapReport> = {},
): TrapReport {
  return event(`${condition} is bad`, category, { kind: 'raise', condition, ...more });
}

export function clear(condition: string, more: Partial<TrapReport> = {}): TrapReport {
  return event(`${condition} is well`, 0, { kind: 'clear', condition, ...more });
}

export function silence(parts: Partial<Silence>): Silence {
  return {
    ...{ id: 's1', node: '', fileSystem: '', message: '', categoryMost: 3, by: 'ada', reason: '' },
    ...{ endsAtMs: NOW_MS + 60_000, createdAtMs: NOW_MS },
    ...parts,
  };
}

/** What a collector that kept these changes would remember. */
export function rememberedFrom(
  collector: Collector,
  before: RememberedTraps | null = null,
): RememberedTraps {
  const changes = collector.takeChanges();
  const mark = changes.findLast((change) => change.kind === 'mark');
  const waiting = new Map(before?.waiting?.map((trap) => [trap.id, trap]));
  for (const change of changes) {
    if (change.kind !== 'trap') continue;
    if (change.place === 'waiting') waiting.set(change.trap.id, change.trap);
    else waiting.delete(change.trap.id);
  }
  return {
    traps: structuredClone([...collector.all()]),
    waiting: structuredClone([...waiting.values()]),
    ids: [
      ...(before?.ids ?? []),
      ...changes.flatMap((change) => (change.kind === 'trap' ? [change.trap.id] : [])),
    ],
    silences: collector.silences.all,
    mark: mark?.kind === 'mark' ? mark.mark : (before?.mark ?? 0),
    cursors: new Map(),
  };
}
