/**
 * Attempts as they travel: what nearly all have in common is left out, which halves what the server
 * has to read and write, thousands of times a second. `parseSyncRequest` and `parseSyncResponse` put it
 * back.
 */
import type { Usage } from '#model';
import { endsInRuns } from './runs-of-ends.ts';
import { grantsInRuns } from './runs-of-grants.ts';
import type { EndedAttempt, GrantedAttempt, SentPart, SyncRequest, SyncResponse } from './sync.ts';

/** A sync as it is to be written. */
export function briefSync(request: SyncRequest): object {
  return { ...request, ended: endsInRuns(request.ended, briefEnd) };
}

/** The answer to a sync as it is to be written. */
export function briefAnswer(answer: SyncResponse): object {
  return { ...answer, attempts: grantsInRuns(answer.attempts, briefGrant) };
}

/** Field by field: taking a few out of an object costs more than writing it. */
function briefGrant({ ticket, job, task, number, cells, past, asked }: GrantedAttempt): object {
  const brief: Record<string, unknown> = { ticket, job, task, number, cells };
  if (past !== null) brief.past = past;
  if (asked !== null) brief.asked = asked;
  return brief;
}

function briefEnd(end: EndedAttempt): object {
  const { exitCode, signal, reason, walls, inputs, usage, parts, ...others } = end;
  const { lastErrorLine, ruling, remarks, ...always } = others;
  const brief: Record<string, unknown> = { ...always, usage: briefUsage(usage) };
  if (exitCode !== 0) brief.exitCode = exitCode;
  if (lastErrorLine !== '') brief.lastErrorLine = lastErrorLine;
  if (parts.length > 0) brief.parts = parts.map(briefPart);
  if (signal !== null) brief.signal = signal;
  if (reason !== '') brief.reason = reason;
  if (walls !== null) brief.walls = walls;
  if (inputs.length > 0) brief.inputs = inputs;
  if (ruling !== null) brief.ruling = ruling;
  if (remarks.length > 0) brief.remarks = remarks;
  return brief;
}

function briefPart({ cutBytes, ...always }: SentPart): object {
  return cutBytes === 0 ? always : { ...always, cutBytes };
}

function briefUsage(usage: Usage): object {
  const brief: Record<string, unknown> = {};
  for (const name in usage) {
    const figure = usage[name as keyof Usage];
    if (figure !== null) brief[name] = figure;
  }
  return brief;
}
