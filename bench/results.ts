/**
 * How fast results are kept, read back and collected: `node bench/results.ts [rows]`. The numbers
 * that matter are rows a second and the longest time that the event loop was held up.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Collection, RecordPlace, ResultSource } from '#model';
import { collect, SegmentStore } from '#results';

const rows = Number(process.argv[2] ?? 200_000);
const BATCH = 1000;
const SOURCES: ResultSource[] = [{ name: 'energy', from: { kind: 'stdout' }, required: true }];

function report(what: string, startedMs: number, more = ''): void {
  const perSecond = Math.round((rows / (performance.now() - startedMs)) * 1000);
  console.log(`${what.padEnd(28)} ${String(perSecond).padStart(8)} rows/s ${more}`);
}

async function append(store: SegmentStore): Promise<RecordPlace[]> {
  const places: RecordPlace[] = [];
  const startedMs = performance.now();
  for (let task = 0; task < rows; task++) {
    const facts = { name: 'energy', kind: 'result', file: 'stdout', cutBytes: 0 } as const;
    const parts = [{ ...facts, content: `${task / 7}\n` }];
    places.push(store.append({ ticket: task + 1, job: 1, task, parts }));
    if (task % BATCH === BATCH - 1) await store.flush();
  }
  await store.flush();
  report(`append, synced by ${BATCH}`, startedMs);
  return places;
}

function* rowsOf(places: readonly RecordPlace[]) {
  for (const [task, place] of places.entries()) {
    yield { task, ticket: task + 1, cells: [`${task}`], place };
  }
}

async function measure(store: SegmentStore, places: RecordPlace[], output: string): Promise<void> {
  const table = { kind: 'table', formats: ['csv', 'sqlite', 'parquet'] } as const;
  const kinds: Collection[] = [{ kind: 'concat' }, { kind: 'blockwise' }, table];
  for (const collection of kinds) {
    const reader = store.reader();
    const startedMs = performance.now();
    let lastMs = startedMs;
    let heldMs = 0;
    const pulse = setInterval(() => {
      heldMs = Math.max(heldMs, performance.now() - lastMs);
      lastMs = performance.now();
    }, 1);
    await collect({
      collection,
      sources: SOURCES,
      columns: ['x'],
      keep: 'packed',
      rows: rowsOf(places),
      read: ({ place }) => reader.read(place),
      output,
      random: 'bench',
    });
    clearInterval(pulse);
    reader.close();
    report(`collect ${collection.kind}`, startedMs, `event loop held ${Math.round(heldMs)} ms`);
  }
}

const directory = mkdtempSync(join(tmpdir(), 'windrow-bench-'));
const store = SegmentStore.open(join(directory, 'segments'), null);
try {
  await measure(store, await append(store), join(directory, 'output'));
} finally {
  await store.close();
  rmSync(directory, { recursive: true });
}
