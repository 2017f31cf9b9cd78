/** The step after the program: results of a good end, logs of any end. */
import { formatBytes, messageOf } from '#base';
import type { ResultSource } from '#model';
import { type GatherSource, gather } from '../gather.ts';
import type { Captured } from '../output-capture.ts';
import { type Attempt, AttemptFault } from './attempt.ts';
import { INLINE_BYTES, type OutgoingPart } from './parts.ts';

type Stream = 'stdout' | 'stderr';

const NOTHING: Captured = {
  log: Buffer.alloc(0),
  cutBytes: 0,
  whole: null,
  lastLine: '',
  totalBytes: 0,
};

export function gatherResults(attempt: Attempt): void {
  const captured = {
    stdout: attempt.stdout?.end() ?? NOTHING,
    stderr: attempt.stderr?.end() ?? NOTHING,
  };
  attempt.lastErrorLine = captured.stderr.lastLine;
  const results: OutgoingPart[] = [];
  try {
    if (!attempt.verdict) results.push(...resultParts(attempt, captured));
  } catch (error) {
    attempt.verdict =
      error instanceof AttemptFault
        ? error.verdict
        : { cause: 'stage-out', reason: `Results could not be read: ${messageOf(error)}.` };
  }
  attempt.outgoing = [...results, ...logParts(attempt, captured)];
}

/** A stream that was sent as a result is not sent again as a log. */
function logParts(attempt: Attempt, captured: Record<Stream, Captured>): OutgoingPart[] {
  const parts: OutgoingPart[] = [];
  for (const stream of ['stdout', 'stderr'] as const) {
    const { log, cutBytes } = captured[stream];
    const sent = !attempt.verdict && attempt.plan.resultStreams.has(stream);
    if (sent || log.length === 0) continue;
    const content = { kind: 'memory', bytes: log } as const;
    parts.push({ name: stream, kind: 'log', file: stream, cutBytes, bytes: log.length, content });
  }
  return parts;
}

/** Every result in the order of the job's description; throws a fault with the first that misses. */
function resultParts(attempt: Attempt, captured: Record<Stream, Captured>): OutgoingPart[] {
  const { results } = attempt.plan.job;
  const streams = new Map<string, OutgoingPart[]>();
  for (const result of results) {
    const { kind } = result.from;
    if (kind === 'stdout' || kind === 'stderr') {
      streams.set(result.name, streamPart(result, kind, captured[kind]));
    }
  }
  const files = fileParts(attempt, bytesOf([...streams.values()].flat()));
  return results.flatMap((result) => streams.get(result.name) ?? files.get(result.name) ?? []);
}

function streamPart(result: ResultSource, stream: Stream, captured: Captured): OutgoingPart[] {
  const { whole, totalBytes } = captured;
  if (result.required && totalBytes === 0) {
    const reason = `Result "${result.name}" is empty: the program wrote nothing to ${stream}.`;
    throw new AttemptFault('missing-result', reason);
  }
  if (whole?.kind === 'failed') {
    const why =
      whole.why === 'limit'
        ? 'it is larger than the results of an attempt may be'
        : `it could not be kept on this machine (${whole.code ?? 'unknown'})`;
    const cause = whole.why === 'limit' ? 'disk' : 'stage-out';
    throw new AttemptFault(cause, `Result "${result.name}" is lost: ${why}.`);
  }
  const part = { name: result.name, kind: 'result', file: stream, cutBytes: 0 } as const;
  if (whole?.kind === 'file') {
    const { path, sha256, bytes } = whole;
    return [{ ...part, bytes, content: { kind: 'path', path, sha256 } }];
  }
  const bytes = whole?.bytes ?? NOTHING.log;
  return [{ ...part, bytes: bytes.length, content: { kind: 'memory', bytes } }];
}

function bytesOf(parts: readonly OutgoingPart[]): number {
  return parts.reduce((sum, part) => sum + part.bytes, 0);
}

function fileParts(attempt: Attempt, usedBytes: number): Map<string, OutgoingPart[]> {
  const found = new Map<string, OutgoingPart[]>();
  const sources = fileSources(attempt);
  if (sources.length === 0) return found;
  const { job } = attempt.plan;
  if (usedBytes > job.resultBytes) {
    const limit = formatBytes(job.resultBytes);
    throw new AttemptFault('disk', `The results are larger than the ${limit} they may be.`);
  }
  const gathered = gather({
    directory: job.directory.kind === 'submit' ? job.directory.path : attempt.scratch,
    sources,
    limitBytes: job.resultBytes - usedBytes,
    inlineBytes: Math.max(0, INLINE_BYTES - usedBytes),
  });
  if (gathered.kind === 'missing') throw new AttemptFault('missing-result', gathered.reason);
  for (const { name, file, bytes, content } of gathered.parts) {
    const part: OutgoingPart = {
      name,
      kind: 'result',
      file,
      cutBytes: 0,
      bytes,
      content: content.kind === 'file' ? { kind: 'opened', open: content.open } : content,
    };
    const parts = found.get(name);
    if (parts) parts.push(part);
    else found.set(name, [part]);
  }
  return found;
}

function fileSources(attempt: Attempt): GatherSource[] {
  const { plan, grant } = attempt;
  return plan.job.results.flatMap(({ name, required, from }, index): GatherSource[] => {
    if (from.kind === 'changed') {
      return [{ name, required, from: { kind: 'changed', staged: attempt.staged } }];
    }
    const path = plan.resultPaths[index]?.expand(grant.cells, grant.task);
    if (path === undefined) return [];
    if (from.kind === 'glob') return [{ name, required, from: { kind: 'glob', pattern: path } }];
    if (from.kind === 'tree') return [{ name, required, from: { kind: 'tree', path } }];
    return [{ name, required, from: { kind: 'file', path } }];
  });
}
