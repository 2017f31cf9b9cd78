/** What a tree of processes uses, sampled from outside: the figures of the starter without rusage. */
import { type ProcessRow, processUnits, readDiskBytes, readProcessTable } from './process-table.ts';

export interface TreeUsage {
  readonly cpuUserMs: number;
  readonly cpuSystemMs: number;
  readonly residentBytes: number;
  /** Processes and threads. */
  readonly tasks: number;
  /** From disks and to them; as CPU time, that of children counts once they were waited for. */
  readonly readBytes: number;
  readonly writtenBytes: number;
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

/** The living processes of the session that `leader` began, and their descendants. */
function membersOf(rows: readonly ProcessRow[], leader: number): ProcessRow[] {
  const members = new Set<number>();
  return rows.filter((row) => {
    const isMember = row.session === leader || members.has(row.parent);
    if (isMember && row.state !== 'Z') members.add(row.pid);
    return isMember && row.state !== 'Z';
  });
}

/** Sums over what is in the table; null when nothing of it is left. */
export function sumTree(rows: readonly ProcessRow[], leader: number): TreeUsage | null {
  const members = membersOf(rows, leader);
  if (members.length === 0) return null;
  const { pageBytes, tickMs } = processUnits();
  const disks = members.map(({ pid }) => readDiskBytes(pid));
  const sum = (figure: (row: ProcessRow) => number) =>
    members.reduce((total, row) => total + figure(row), 0);
  return {
    cpuUserMs: sum((row) => row.userTicks) * tickMs,
    cpuSystemMs: sum((row) => row.systemTicks) * tickMs,
    residentBytes: sum((row) => row.residentPages) * pageBytes,
    tasks: sum((row) => row.threads),
    readBytes: disks.reduce((total, bytes) => total + (bytes?.read ?? 0), 0),
    writtenBytes: disks.reduce((total, bytes) => total + (bytes?.written ?? 0), 0),
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
    tasks: Math.max(a.tasks, b.tasks),
    readBytes: Math.max(a.readBytes, b.readBytes),
    writtenBytes: Math.max(a.writtenBytes, b.writtenBytes),
  };
}
