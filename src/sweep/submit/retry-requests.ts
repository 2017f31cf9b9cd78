/** `retry_request_memory` and its kin: what a task is given after it ran out of what it asked for. */
import { type Ad, adOfValues, compileExpression, evaluate, localAmbient } from '#classad';
import { type GrowingCause, MOST_GROWTH_STEPS } from '#model';
import { amountBytes } from './amounts.ts';
import type { CommandFault } from './describe-proc.ts';

type Texts = ReadonlyMap<string, string>;
type Fault = (fault: CommandFault) => void;

interface Kind {
  readonly cause: GrowingCause;
  readonly request: 'request_memory' | 'request_disk';
  /** Its name in expressions, where it is counted in units. */
  readonly attribute: 'RequestMemory' | 'RequestDisk';
  readonly unitBytes: number;
}

const KINDS: readonly Kind[] = [
  { cause: 'memory', request: 'request_memory', attribute: 'RequestMemory', unitBytes: 2 ** 20 },
  { cause: 'disk', request: 'request_disk', attribute: 'RequestDisk', unitBytes: 1024 },
];
const PARTS = ['', '_increase', '_max'] as const;
/** More than any machine has. */
const MOST_BYTES = 2 ** 50;

export const RETRY_REQUESTS: readonly string[] = KINDS.flatMap(({ request }) =>
  PARTS.map((part) => `retry_${request}${part}`),
);

/** Amounts in bytes, each more than the one before, by the cause that asks for the next. */
export function retryRequests(
  texts: Texts,
  fault: Fault,
): { [cause: string]: { steps: number[] } } {
  const found: { [cause: string]: { steps: number[] } } = {};
  for (const kind of KINDS) {
    const steps = stepsOf(texts, kind, fault);
    if (steps.length > 0) found[kind.cause] = { steps };
  }
  return found;
}

function stepsOf(texts: Texts, kind: Kind, fault: Fault): number[] {
  const { request, unitBytes } = kind;
  const [list, increase, max] = PARTS.map((part) => `retry_${request}${part}` as const) as [
    string,
    string,
    string,
  ];
  const text = (command: string): string => texts.get(command)?.trim() ?? '';
  const given = [list, increase, max].find((command) => text(command) !== '');
  if (given === undefined) return [];
  const first = amountBytes(text(request) || '0', unitBytes);
  // What is wrong with the request itself is told of it.
  if (first === null) return [];
  const wrong = (command: string, expected: string): number[] => {
    fault({ command, found: text(command), expected });
    return [];
  };
  if (first === 0) return wrong(given, `${request} beside it: without one there is no limit`);
  if (text(list) !== '' && text(increase) !== '')
    return wrong(increase, `it, or ${list}, not both`);
  const most = text(max) === '' ? MOST_BYTES : amountBytes(text(max), unitBytes);
  if (most === null) return wrong(max, AMOUNT);
  if (text(list) !== '') return listed(text(list), { kind, first, most }) ?? wrong(list, LIST);
  if (text(increase) === '') return wrong(max, `${increase} beside it`);
  return increased(text(increase), { kind, first, most }) ?? wrong(increase, INCREASE);
}

const AMOUNT = 'a number, or one with K, M, G or T';
const LIST = 'amounts or expressions between commas, each more than the one before';
const INCREASE = 'an amount to add, or an expression that makes more of the last request';

interface Range {
  readonly kind: Kind;
  readonly first: number;
  readonly most: number;
}

/** `4 GB, 16 GB`, or `RequestMemory * 2`. Null: not so. */
function listed(text: string, { kind, first, most }: Range): number[] | null {
  const steps: number[] = [];
  for (const part of partsOf(text)) {
    const before = steps.at(-1) ?? first;
    const next = nextOf(part, kind, before);
    if (next === null || next <= before || steps.length === MOST_GROWTH_STEPS) return null;
    steps.push(Math.min(next, most));
    if (next >= most) break;
  }
  return steps;
}

function increased(text: string, { kind, first, most }: Range): number[] | null {
  const added = isAbout(text, kind) ? null : amountBytes(text, kind.unitBytes);
  const steps: number[] = [];
  for (let before = first; before < most && steps.length < MOST_GROWTH_STEPS; ) {
    const next = added === null ? nextOf(text, kind, before) : before + added;
    if (next === null || next <= before) return null;
    before = Math.min(next, most);
    steps.push(before);
  }
  return steps.length === 0 ? null : steps;
}

/** By its commas, but for those within brackets. */
function partsOf(text: string): string[] {
  const parts = [''];
  let depth = 0;
  for (const character of text) {
    if ('([{'.includes(character)) depth++;
    if (')]}'.includes(character)) depth--;
    if (character === ',' && depth === 0) parts.push('');
    else parts[parts.length - 1] += character;
  }
  return parts.map((part) => part.trim());
}

function isAbout(text: string, { attribute }: Kind): boolean {
  return new RegExp(`\\b${attribute}\\b`, 'i').test(text);
}

/** Null: neither an amount nor an expression that is one. */
function nextOf(text: string, kind: Kind, beforeBytes: number): number | null {
  if (!isAbout(text, kind)) return amountBytes(text, kind.unitBytes);
  const my: Ad = adOfValues({ [kind.attribute]: Math.ceil(beforeBytes / kind.unitBytes) });
  const ambient = localAmbient({ now: () => 0, random: () => 0, elapsedMs: () => 0 });
  try {
    const value = evaluate(compileExpression(text), { my, ambient });
    const plain = typeof value === 'object' && value.kind === 'real' ? value.value : value;
    if (typeof plain !== 'number' || !(plain >= 0)) return null;
    return Math.min(MOST_BYTES, Math.ceil(plain * kind.unitBytes));
  } catch {
    return null;
  }
}
