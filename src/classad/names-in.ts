import { type Node, partsOf } from './tree.ts';
import type { Expression } from './value.ts';

/** What an expression may look at, told from its text. */
export interface NamesIn {
  /** Every attribute that it names, of whichever ad, in lower case. */
  readonly names: ReadonlySet<string>;
  /** It may look at attributes that it does not name: it makes text into expressions, or has whole ads. */
  readonly isOpen: boolean;
  /** It may have another value a moment later although no attribute has. */
  readonly isMoving: boolean;
}

const SCOPES = new Set(['my', 'target', 'other', 'self', 'parent', 'root', 'toplevel', 'ad']);
const OPENING_CALLS = new Set(['eval']);
const MOVING_CALLS = new Set(['time', 'currenttime', 'daytime', 'random', 'timezoneoffset']);
/** Without a time as argument these take the present one. */
const MOVING_WITHOUT_TIME = new Set(['formattime', 'abstime', 'splittime']);

export function namesIn(node: Node): NamesIn {
  const found = { names: new Set<string>(), isOpen: false, isMoving: false };
  look(node, found);
  return found;
}

/**
 * Names of the expressions and of all attributes that they lead to, in lower case; null: they may look
 * at anything.
 * @param attributesOf the expressions that a name may stand for; those that nothing is known of stand for nothing
 */
export function namesThrough(
  roots: Iterable<Expression>,
  attributesOf: (lowerName: string) => Iterable<Expression>,
): ReadonlySet<string> | null {
  const names = new Set<string>();
  const open = [...roots];
  for (let expression = open.pop(); expression; expression = open.pop()) {
    if (expression.node.kind === 'literal') continue;
    const found = namesIn(expression.node);
    if (found.isOpen) return null;
    for (const name of found.names) {
      if (names.has(name)) continue;
      names.add(name);
      open.push(...attributesOf(name));
    }
  }
  return names;
}

interface Found {
  readonly names: Set<string>;
  isOpen: boolean;
  isMoving: boolean;
}

function look(node: Node, found: Found): void {
  switch (node.kind) {
    case 'name':
      if (node.absolute) found.names.add(node.name.toLowerCase());
      else lookAtName(node.name.toLowerCase(), found);
      return;
    case 'select':
      found.names.add(node.name.toLowerCase());
      if (node.of.kind !== 'name' || !SCOPES.has(node.of.name.toLowerCase())) look(node.of, found);
      return;
    case 'call':
      lookAtCall(node.name.toLowerCase(), node.args.length, found);
  }
  for (const part of partsOf(node)) look(part, found);
}

function lookAtName(name: string, found: Found): void {
  if (SCOPES.has(name)) found.isOpen = true;
  else if (name === 'currenttime') found.isMoving = true;
  found.names.add(name);
}

function lookAtCall(name: string, args: number, found: Found): void {
  if (OPENING_CALLS.has(name)) found.isOpen = true;
  if (MOVING_CALLS.has(name) || (args === 0 && MOVING_WITHOUT_TIME.has(name))) {
    found.isMoving = true;
  }
}
