/** What the collector itself reports of nodes that promised to be heard of. */
import { formatDuration } from '#base';
import type { TrapCategory, TrapRecord } from '#model';
import { type TrapReport, trapReport } from '../report.ts';
import type { BeatOf, MissedBeat } from './nodes.ts';
import { isHolding } from './room.ts';

const CRITICAL: TrapCategory = 2;
const INFO: TrapCategory = 0;
const ABOUT = { condition: 'not-responding', source: 'collector' } as const;

export function silenceBegun({ node, fileSystem, beatAtMs, silentMs }: MissedBeat): TrapReport {
  const message = `nothing was heard of ${node} for ${formatDuration(silentMs)}`;
  return beatReport(node, fileSystem, beatAtMs, { kind: 'raise', category: CRITICAL, message });
}

export function silenceOver({ node, fileSystem, beatAtMs }: BeatOf): TrapReport {
  const message = `${node} is heard of again`;
  return beatReport(node, fileSystem, beatAtMs, { kind: 'clear', category: INFO, message });
}

/** Whether it tells of a node that is still missed. */
export function isMissing(trap: TrapRecord): boolean {
  return isHolding(trap) && trap.condition === ABOUT.condition && trap.source === ABOUT.source;
}

function beatReport(
  node: string,
  fileSystem: string,
  beatAtMs: number,
  parts: Pick<TrapReport, 'kind' | 'category' | 'message'>,
): TrapReport {
  return trapReport({ ...ABOUT, node, fileSystem, ...parts, sequence: String(beatAtMs) });
}
