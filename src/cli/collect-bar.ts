import type { TraceCollectionView } from '#wire';
import type { TransferBar } from './transfer-bar.ts';

type Machine = Pick<TraceCollectionView['workers'][number], 'state' | 'foundBytes' | 'doneBytes'>;

/** How far all machines are together: by the bytes of the files that they have found so far. */
export function showCollection(bar: TransferBar, machines: readonly Machine[]): void {
  const sum = { found: 0, done: 0, over: 0 };
  for (const { state, foundBytes, doneBytes } of machines) {
    sum.found += foundBytes;
    sum.done += doneBytes;
    if (state !== 'told' && state !== 'running') sum.over++;
  }
  // Before anything was found there is nothing to have a share of.
  if (sum.found === 0) return;
  bar.update(`${sum.over} of ${machines.length} machines have ended`, sum.done, sum.found);
}
