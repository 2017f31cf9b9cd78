/** What a tree of processes uses, sampled from outside: the figures of the starter without rusage. */
import { type ProcessRow, processUnits, readProcessTable } from './process-table.ts';

export interface TreeUsage {
  readonly cpuUserMs: number;
  readonly cpuSystemMs: number;
  readonly residentBytes: number;
}

const SAMPLE_EVERY_MS = 100;

let table: { rows: readonly ProcessRow[]; readAtMs: number } | undefined;

/** One reading of /proc serves every slot that samples within the same half interval. */
function recentTable(nowMs: number): readonly ProcessRow[] {
  if (!table || nowMs - table.readAtMs > SAMPLE_EVERY_MS / 2) {
    table = { rows: readProcessTable(), readAtMs: nowMs };
  }
  return table.rows;
}

/** Sums over the living processes of the session that `leader` began, and their descendants. */
export function sumTree(rows: readonly ProcessRow[], leader: number): TreeUsage | null {
  const members = new Set<number>();
  const { pageBytes, tickMs } = processUnits();
  let [userTicks, systemTicks, residentPages] = [0, 0, 0];
  for (const row of rows) {
    if (row.state === 'Z' || (row.session !== leader && !members.has(row.parent))) continue;
    members.add(row.pid);
    userTicks += row.userTicks;
    systemTicks += row.systemTicks;
    residentPages += row.residentPages;
  }
  if (members.size === 0) return null;
  return {
    cpuUserMs: userTicks * tickMs,
    cpuSystemMs: systemTicks * tickMs,
    residentBytes: residentPages * pageBytes,
  };
}

export interface UsageWatch {
  /** The largest of each figure so far; null when nothing was ever seen. */
  readonly peak: TreeUsage | null;
  stop(): void;
}

/** Samples every 100 ms until stopped; `onSample` gets each sample. */
export function watchUsage(
  leader: number,
  monotonic: () => number,
  onSample: (usage: TreeUsage) => void = () => {},
): UsageWatch {
  const watch = { peak: null as TreeUsage | null, stop: () => clearInterval(timer) };
  const timer = setInterval(() => {
    const usage = sumTree(recentTable(monotonic()), leader);
    if (usage === null) return;
    watch.peak = largest(watch.peak ?? usage, usage);
    onSample(usage);
  }, SAMPLE_EVERY_MS);
  return watch;
}

function largest(a: TreeUsage, b: TreeUsage): TreeUsage {
  return {
    cpuUserMs: Math.max(a.cpuUserMs, b.cpuUserMs),
    cpuSystemMs: Math.max(a.cpuSystemMs, b.cpuSystemMs),
    residentBytes: Math.max(a.residentBytes, b.residentBytes),
  };
}
