import { formatBytes } from '#base';
import type { TraceCollectionView } from '#wire';
import { formatCount, lookOf } from './format.ts';
import { formatTable } from './text-table.ts';
import type { World } from './world.ts';

/** A line for each machine, and the sum. */
export async function tellCollection(view: TraceCollectionView, world: World): Promise<void> {
  const columns = [
    { title: 'MACHINE' },
    { title: 'STATE' },
    { title: 'STORED', align: 'right' },
    { title: 'FAILED', align: 'right' },
    { title: 'SIZE', align: 'right' },
    { title: 'WHY' },
  ] as const;
  const rows = view.workers.map(({ name, state, stored, failed, bytes, message }) => [
    name,
    state,
    formatCount(stored),
    formatCount(failed),
    formatBytes(bytes),
    message,
  ]);
  await world.stdout.write(formatTable(columns, rows, lookOf(world.stdout)));
  const sum = { id: view.id, stored: 0, failed: 0, bytes: 0 };
  for (const { stored, failed, bytes } of view.workers) {
    sum.stored += stored;
    sum.failed += failed;
    sum.bytes += bytes;
  }
  await world.stdout.line(sumText(sum));
}

export function sumText(sum: {
  id: string;
  stored: number;
  failed: number;
  bytes: number;
}): string {
  const { id, stored, failed, bytes } = sum;
  return `trace ${id}: ${stored} ${stored === 1 ? 'file' : 'files'} stored (${formatBytes(bytes)}), ${failed} failed`;
}
