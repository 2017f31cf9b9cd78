/**
 * `queue 1000000`, `queue x from rows.txt`: procs that differ in their number and their items alone, and have
 * them in their texts as they are. One of them, with marks for these, tells all; a million procs one by
 * one would take a minute and gigabytes.
 */
import { JOB_COMMANDS } from './job-settings.ts';
import { PROCESS_MARK, ROW_MARKS } from './macro-scope.ts';
import { type ExpandedProcs, expandMarked } from './procs.ts';
import type { QueueBlock, SubmitWorld } from './read-submit.ts';

/** Fewer are looked at one by one. */
const LEAST = 10_000;
/** With the number in these, procs are different jobs, or have different files. */
const APART = new Set([
  ...JOB_COMMANDS,
  ...['initialdir', 'input', 'transfer_input_files', 'log', 'getenv'],
]);
/** Where items may stand, and which: words that quoting and paths leave as they are. */
const PLAIN: Readonly<Record<string, RegExp>> = {
  arguments: /^[\w@%+,./:=^~-]+$/,
  environment: /^[\w@%+,./:=^~-]+$/,
  output: /^(?!\.{1,2}$)[\w@%+,.:=^~-]+$/,
  error: /^(?!\.{1,2}$)[\w@%+,.:=^~-]+$/,
};

/** All procs of a `queue`, told by one. */
export interface AlikeProcs extends ExpandedProcs {
  readonly count: number;
  /** Of items; none where procs only count. */
  readonly names: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Null: they have to be looked at one by one. */
export function alikeProcs(blocks: readonly QueueBlock[], world: SubmitWorld): AlikeProcs | null {
  const [block] = blocks;
  if (blocks.length !== 1 || !block) return null;
  const { names, rows } = block;
  const hasItems = names.length > 0;
  if (rows.length * block.count < LEAST || (hasItems && block.count !== 1)) return null;
  if (names.some((name) => name.toLowerCase() === 'process')) return null;
  const expanded = expandMarked(block, world);
  if (!expanded || !isPlainlyAlike(expanded.proc.texts, rows)) return null;
  const items = hasItems ? { names, rows } : { names: [], rows: [] };
  return { ...expanded, count: rows.length * block.count, ...items };
}

function isPlainlyAlike(
  texts: ReadonlyMap<string, string>,
  rows: readonly (readonly string[])[],
): boolean {
  for (const [key, text] of texts) {
    const isApart = APART.has(key) || key.startsWith('my.');
    if (isApart && text.includes(PROCESS_MARK)) return false;
    const places = new Set([...text.matchAll(ROW_MARKS)].map(([, place]) => Number(place)));
    if (places.size === 0) continue;
    const plain = PLAIN[key];
    if (!plain) return false;
    for (const place of places) {
      if (!rows.every((row) => plain.test(row[place] ?? ''))) return false;
    }
  }
  return true;
}
