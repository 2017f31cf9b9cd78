/**
 * `queue 1000000`: procs that differ in their number alone, and have it in their texts as it is. One of them,
 * with a mark for the number, tells all; a million procs one by one would take minutes and gigabytes.
 */
import { JOB_COMMANDS } from './job-settings.ts';
import { PROCESS_MARK } from './macro-scope.ts';
import { type ExpandedProcs, expandCounted } from './procs.ts';
import type { QueueBlock, SubmitWorld } from './read-submit.ts';

/** Fewer are looked at one by one. */
const LEAST = 10_000;
/** With the number in these, procs are different jobs, or have different files. */
const APART = new Set([
  ...JOB_COMMANDS,
  ...['initialdir', 'input', 'transfer_input_files', 'log', 'getenv'],
]);

/** Null: they have to be looked at one by one. */
export function countedProcs(
  blocks: readonly QueueBlock[],
  world: SubmitWorld,
): (ExpandedProcs & { readonly count: number }) | null {
  const [block] = blocks;
  if (blocks.length !== 1 || !block || block.names.length > 0 || block.rows.length !== 1)
    return null;
  if (block.count < LEAST) return null;
  const expanded = expandCounted(block, world);
  if (!expanded) return null;
  for (const [key, text] of expanded.proc.texts) {
    const isApart = APART.has(key) || key.startsWith('my.');
    if (isApart && text.includes(PROCESS_MARK)) return null;
  }
  return { ...expanded, count: block.count };
}
