/**
 * Good ends that follow each other and are alike travel as a run, a column for each thing in which
 * they differ, and all their texts as one. Hundreds of objects with the same names in them, and
 * strings too short to be anything but looked up in V8's table of strings, cost the server more to
 * read (1.9 µs an end) than the same in columns (0.8 µs).
 */
import { areSources, FIGURES, type Figure, type Usage } from '#model';
import {
  inner,
  innerPath,
  type JsonObject,
  label,
  list,
  mismatch,
  object,
  oneOf,
  quantity,
  text,
  whole,
} from './checked.ts';
import { inRuns } from './runs.ts';
import type { EndedAttempt, SentPart } from './sync.ts';

/** More parts go one by one: a length of two bytes must not become very many objects. */
const PARTS_MOST = 8;

const KINDS = new Set(['result', 'log'] as const);

type TextPart = Extract<SentPart, { text: string }>;

/** As it travels. */
interface Run {
  readonly parts: readonly Pick<TextPart, 'name' | 'kind' | 'file'>[];
  readonly sources: string;
  readonly tickets: number[];
  readonly startedAtMs: number[];
  readonly endedAtMs: number[];
  readonly wallMs: number[];
  /** Those figures that were measured. */
  readonly figures: Partial<Record<Figure, number[]>>;
  /** UTF-16 units of the text of each part of each end. */
  readonly lengths: number[];
  text: string;
}

/** What `brief` makes of each end, and runs in place of those that can be in one. */
export function endsInRuns(
  ended: readonly EndedAttempt[],
  brief: (end: EndedAttempt) => object,
): object[] {
  return inRuns(ended, { endOfRun, runOf, brief });
}

function endOfRun(ended: readonly EndedAttempt[], from: number): number {
  const first = ended[from]!;
  let to = from + 1;
  if (!isPlain(first)) return to;
  while (to < ended.length && isPlain(ended[to]!) && areAlike(first, ended[to]!)) to++;
  return to;
}

/** Nothing is to be said of it but its times, its figures and its texts. */
function isPlain(end: EndedAttempt): boolean {
  return (
    end.cause === 'ok' &&
    end.exitCode === 0 &&
    end.signal === null &&
    end.reason === '' &&
    end.lastErrorLine === '' &&
    end.walls === null &&
    end.ruling === null &&
    end.usage.network === null &&
    end.inputs.length === 0 &&
    end.remarks.length === 0 &&
    end.parts.length <= PARTS_MOST &&
    end.parts.every((part) => 'text' in part && part.cutBytes === 0)
  );
}

function areAlike(a: EndedAttempt, b: EndedAttempt): boolean {
  return (
    a.usage.sources === b.usage.sources &&
    a.parts.length === b.parts.length &&
    FIGURES.every((name) => (a.usage[name] === null) === (b.usage[name] === null)) &&
    a.parts.every((part, index) => isSamePart(part, b.parts[index]!))
  );
}

function isSamePart(a: SentPart, b: SentPart): boolean {
  return a.name === b.name && a.kind === b.kind && a.file === b.file;
}

function runOf(ends: readonly EndedAttempt[]): Run {
  const { parts, usage } = ends[0]!;
  const figures: Partial<Record<Figure, number[]>> = {};
  for (const name of FIGURES) {
    if (usage[name] !== null) figures[name] = ends.map((end) => end.usage[name]!);
  }
  const texts = ends.flatMap((end) => (end.parts as readonly TextPart[]).map((part) => part.text));
  return {
    parts: parts.map(({ name, kind, file }) => ({ name, kind, file })),
    sources: usage.sources,
    tickets: ends.map(({ ticket }) => ticket),
    startedAtMs: ends.map(({ startedAtMs }) => startedAtMs),
    endedAtMs: ends.map(({ endedAtMs }) => endedAtMs),
    wallMs: ends.map((end) => end.usage.wallMs),
    figures,
    lengths: texts.map(({ length }) => length),
    text: texts.join(''),
  };
}

export function isRun(fields: JsonObject): boolean {
  return fields.tickets !== undefined;
}

export interface RunLimits {
  /** Ends of one sync. */
  readonly ended: number;
  /** UTF-16 units of one text. */
  readonly inline: number;
}

/** Adds the ends of a run to `ended`. */
export function readRun(fields: JsonObject, ended: EndedAttempt[], limits: RunLimits): void {
  const tickets = list(fields.tickets, 'tickets', limits.ended - ended.length, readTicket);
  const column = (from: JsonObject, name: string): number[] =>
    sized(list(from[name], name, tickets.length, readQuantity), name, tickets.length);
  const startedAtMs = column(fields, 'startedAtMs');
  const endedAtMs = column(fields, 'endedAtMs');
  const usages = readUsages(fields, column(fields, 'wallMs'), column);
  const heads = list(fields.parts, 'parts', PARTS_MOST, readHead);
  const texts = readTexts(fields, tickets.length * heads.length, limits.inline);
  for (let at = 0; at < tickets.length; at++) {
    ended.push({
      ticket: tickets[at]!,
      cause: 'ok',
      exitCode: 0,
      signal: null,
      reason: '',
      startedAtMs: startedAtMs[at]!,
      endedAtMs: endedAtMs[at]!,
      usage: usages[at]!,
      walls: null,
      inputs: [],
      parts: heads.map(({ name, kind, file }, part) => {
        return { name, kind, file, cutBytes: 0, text: texts[at * heads.length + part]! };
      }),
      lastErrorLine: '',
      ruling: null,
      remarks: [],
    });
  }
}

type Column = (from: JsonObject, name: string) => number[];

function readUsages(fields: JsonObject, wallMs: readonly number[], column: Column): Usage[] {
  const sources = text(fields.sources, 'sources', FIGURES.length);
  if (!areSources(sources)) {
    throw mismatch('sources', 'a letter for the source of each figure', sources);
  }
  const columns = inner(fields.figures, 'figures', (figures) =>
    FIGURES.map((name) => (figures[name] === undefined ? null : column(figures, name))),
  );
  const [user, system, memory, read, written, switches, tasks, disk] = columns;
  return wallMs.map((ms, at) => ({
    wallMs: ms,
    cpuUserMs: user?.[at] ?? null,
    cpuSystemMs: system?.[at] ?? null,
    memoryPeakBytes: memory?.[at] ?? null,
    ioReadBytes: read?.[at] ?? null,
    ioWriteBytes: written?.[at] ?? null,
    contextSwitches: switches?.[at] ?? null,
    tasksPeak: tasks?.[at] ?? null,
    diskBytes: disk?.[at] ?? null,
    sources,
    network: null,
  }));
}

/** One long text, cut where each ends. */
function readTexts(fields: JsonObject, count: number, longest: number): string[] {
  const lengths = sized(list(fields.lengths, 'lengths', count, readLength), 'lengths', count);
  const all = text(fields.text, 'text', Number.MAX_SAFE_INTEGER);
  let at = 0;
  const texts = lengths.map((length) => {
    if (length > longest) {
      throw mismatch('lengths', `texts of at most ${longest} characters`, length);
    }
    at += length;
    return all.slice(at - length, at);
  });
  if (at !== all.length) throw mismatch('text', `${at} characters`, all);
  return texts;
}

function readHead(value: unknown): Pick<TextPart, 'name' | 'kind' | 'file'> {
  const fields = object(value, '');
  return {
    name: label(fields.name, 'name', 255),
    kind: oneOf(fields.kind, 'kind', KINDS),
    file: innerPath(fields.file, 'file', 4096),
  };
}

function sized<T>(entries: T[], key: string, count: number): T[] {
  if (entries.length === count) return entries;
  throw mismatch(key, `an array of ${count} entries`, entries);
}

const readTicket = (value: unknown): number => whole(value, '', 1);
const readQuantity = (value: unknown): number => quantity(value, '');
const readLength = (value: unknown): number => whole(value, '');
