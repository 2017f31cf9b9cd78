/** What the collector itself reports of nodes that promised to be heard of. */
import { formatDuration } from '#base';
import type { TrapCategory } from '#model';
import { type TrapReport, trapReport } from '../report.ts';
import type { MissedBeat } from './nodes.ts';

const CRITICAL: TrapCategory = 2;
const INFO: TrapCategory = 0;

export function silenceBegun({ node, fileSystem, beatAtMs, silentMs }: MissedBeat): TrapReport {
  const message = `nothing was heard of ${node} for ${formatDuration(silentMs)}`;
  return beatReport(node, fileSystem, beatAtMs, { kind: 'raise', category: CRITICAL, message });
}

export function silenceOver({ node, fileSystem, beatAtMs }: MissedBeat): TrapReport {
  const message = `${node} is heard of again`;
  return beatReport(node, fileSystem, beatAtMs, { kind: 'clear', category: INFO, message });
}

function beatReport(
  node: string,
  fileSystem: string,
  beatAtMs: number,
  parts: Pick<TrapReport, 'kind' | 'category' | 'message'>,
): TrapReport {
  const about = { node, fileSystem, condition: 'not-responding', source: 'collector' };
  return trapReport({ ...about, ...parts, sequence: String(beatAtMs) });
}
