/**
 * Ends of attempts as they travel: what nearly all have in common is left out, which halves what the
 * server has to read, thousands of times a second. `parseSyncRequest` puts it back.
 */
import type { Usage } from '#model';
import type { EndedAttempt, SyncRequest } from './sync.ts';

/** A sync as it is to be written. */
export function briefSync(request: SyncRequest): object {
  return { ...request, ended: request.ended.map(briefEnd) };
}

function briefEnd(end: EndedAttempt): object {
  const { signal, reason, walls, inputs, usage, ruling, remarks, ...always } = end;
  const brief: Record<string, unknown> = { ...always, usage: briefUsage(usage) };
  if (signal !== null) brief.signal = signal;
  if (reason !== '') brief.reason = reason;
  if (walls !== null) brief.walls = walls;
  if (inputs.length > 0) brief.inputs = inputs;
  if (ruling !== null) brief.ruling = ruling;
  if (remarks.length > 0) brief.remarks = remarks;
  return brief;
}

function briefUsage(usage: Usage): object {
  const brief: Record<string, unknown> = {};
  for (const name in usage) {
    const figure = usage[name as keyof Usage];
    if (figure !== null) brief[name] = figure;
  }
  return brief;
}
