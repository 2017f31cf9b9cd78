import { RE2JS } from 're2js';
import { messageOf } from '#base';
import type { ResultSource, TaskIndex, Ticket } from '#model';
import { resultsErrors } from './errors.ts';
import type { StoredPart, StoredRecord } from './segment-reader.ts';
import { shownPieces } from './shown-log.ts';

/** A longer line is searched, and shown, only in its beginning. */
const MAX_LINE_BYTES = 64 * 1024;
const MAX_PATTERN = 1000;
const NEWLINE = 10;

export interface LogMatch {
  readonly task: TaskIndex;
  readonly ticket: Ticket;
  readonly stream: 'stdout' | 'stderr';
  /** From 1, in the log as it is shown: the mark of a cut counts as a line. */
  readonly lineNumber: number;
  readonly line: string;
}

export interface LogSearch {
  /** RE2 syntax. */
  readonly pattern: string;
  readonly ignoreCase: boolean;
  /** Ends the search. */
  readonly limit: number;
  /** The job's, to know which results are what its programs printed. */
  readonly sources: readonly ResultSource[];
}

/**
 * Lines of what programs printed that match, as they are found, in time linear in the logs
 * whatever the pattern. Error: `LOGS_PATTERN_INVALID`.
 */
export async function* searchLogs(
  records: AsyncIterable<StoredRecord> | Iterable<StoredRecord>,
  search: LogSearch,
): AsyncGenerator<LogMatch> {
  const matches = compile(search);
  const streams = streamNames(search.sources);
  let left = search.limit;
  for await (const { task, ticket, parts } of records) {
    for (const part of parts) {
      const stream = streamOf(part, streams);
      if (!stream) continue;
      for (const { lineNumber, line } of logLines(part)) {
        if (left <= 0) return;
        if (!matches(line)) continue;
        left--;
        yield { task, ticket, stream, lineNumber, line };
      }
    }
  }
}

function compile({ pattern, ignoreCase }: LogSearch): (line: string) => boolean {
  const invalid = (reason: string) =>
    resultsErrors.create('LOGS_PATTERN_INVALID', { pattern: pattern.slice(0, 200), reason });
  if (pattern.length > MAX_PATTERN) throw invalid(`it is longer than ${MAX_PATTERN} characters`);
  // Most searches are for plain text, which needs no automaton.
  if (!ignoreCase && !/[\\^$.|?*+()[\]{}]/.test(pattern)) return (line) => line.includes(pattern);
  try {
    const compiled = RE2JS.compile(pattern, ignoreCase ? RE2JS.CASE_INSENSITIVE : 0);
    return (line) => compiled.matcher(line).find();
  } catch (error) {
    throw invalid(messageOf(error));
  }
}

type StreamNames = ReadonlyMap<string, 'stdout' | 'stderr'>;

/** Results that are a stream of the program, by name. */
function streamNames(sources: readonly ResultSource[]): StreamNames {
  const names = new Map<string, 'stdout' | 'stderr'>();
  for (const { name, from } of sources) {
    if (from.kind === 'stdout' || from.kind === 'stderr') names.set(name, from.kind);
  }
  return names;
}

function streamOf(part: StoredPart, streams: StreamNames): 'stdout' | 'stderr' | null {
  if (part.kind === 'result') return streams.get(part.name) ?? null;
  return part.name === 'stdout' || part.name === 'stderr' ? part.name : null;
}

/** The lines of a log as it is shown; a very long one is cut at its end. */
export function* logLines(part: StoredPart): Generator<{ lineNumber: number; line: string }> {
  let lineNumber = 1;
  let open: Buffer[] = [];
  let openBytes = 0;
  const take = (): { lineNumber: number; line: string } => {
    const line = Buffer.concat(open).toString().replace(/\r$/, '');
    open = [];
    openBytes = 0;
    return { lineNumber: lineNumber++, line };
  };
  for (const piece of shownPieces(part)) {
    let start = 0;
    for (let end = piece.indexOf(NEWLINE); end >= 0; end = piece.indexOf(NEWLINE, start)) {
      keep(piece.subarray(start, end));
      yield take();
      start = end + 1;
    }
    keep(piece.subarray(start));
  }
  if (openBytes > 0) yield take();

  function keep(bytes: Buffer): void {
    const kept = bytes.subarray(0, Math.max(0, MAX_LINE_BYTES - openBytes));
    if (kept.length > 0) open.push(kept);
    openBytes += kept.length;
  }
}
