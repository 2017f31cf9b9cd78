/**
 * Finding and killing everything a program left, from outside: by descent, by session, and by the
 * cookie in its environment. A descendant that escapes all three (an orphan in a new session with
 * a cleaned environment) is not found; only the launcher finds that one.
 */
import { COOKIE_VARIABLE } from './cookie.ts';
import { listProcesses, type ProcessRow, readProcess, readVariable } from './process-table.ts';

/** What is known of a tree. */
export interface TreeMarks {
  /** The pid of the program, which began a session of its own; null where it is not known. */
  readonly leader: number | null;
  readonly cookie: string;
}

/** The living processes of a tree now. Zombies do not count: whoever reaps them is not us. */
export type FindTree = (marks: TreeMarks) => ProcessRow[];

/** How long a number is believed to mean the same process; the machine reuses numbers in a ring. */
const FOREIGN_FOR_MS = 1000;

/** A process that ends while a scan looks may have left a child that the scan did not list. */
const MOST_SCANS = 10;

/** What a finder learnt of processes by their number. */
interface Memory {
  readonly sinceMs: number;
  /** Never of the tree of this slot. */
  readonly foreign: Set<number>;
  /** Seen, but not to be told yet. */
  readonly unsure: Set<number>;
}

/**
 * A finder for one slot. What is foreign to a tree stays so, hence it remembers foreign processes
 * for a second: between short programs it looks only at what is new.
 */
export function createTreeFinder(monotonic: () => number): FindTree {
  let memory: Memory = { sinceMs: Number.NEGATIVE_INFINITY, foreign: new Set(), unsure: new Set() };
  return (marks) => {
    if (monotonic() - memory.sinceMs > FOREIGN_FOR_MS) {
      memory = { sinceMs: monotonic(), foreign: new Set([process.pid]), unsure: new Set() };
    }
    for (let scans = 1; ; scans++) {
      const { tree, changed } = scan(marks, memory);
      if (tree.length > 0 || !changed || scans === MOST_SCANS) return tree;
    }
  };
}

/** Not of the tree by itself; by its parent it may be. */
interface Other {
  readonly row: ProcessRow;
  readonly foreign: boolean;
}

function scan(marks: TreeMarks, memory: Memory): { tree: ProcessRow[]; changed: boolean } {
  const tree = new Map<number, ProcessRow>();
  const others: Other[] = [];
  let changed = false;
  for (const pid of listProcesses()) {
    if (memory.foreign.has(pid)) continue;
    const row = readProcess(pid);
    if (row === null || isDead(row)) {
      memory.foreign.add(pid);
      changed = true;
      continue;
    }
    const member = membership(row, marks);
    if (member) tree.set(pid, row);
    else others.push({ row, foreign: member === false });
  }
  addDescendants(tree, others);
  for (const { row, foreign } of others) {
    if (tree.has(row.pid)) continue;
    if (foreign) memory.foreign.add(row.pid);
    else if (!memory.unsure.has(row.pid)) {
      memory.unsure.add(row.pid);
      changed = true;
    }
  }
  return { tree: [...tree.values()], changed };
}

function isDead(row: ProcessRow): boolean {
  return row.state === 'Z' || row.state === 'X';
}

/** Undefined: not by what can be seen now. */
function membership(row: ProcessRow, marks: TreeMarks): boolean | undefined {
  if (row.kernel) return false;
  if (marks.leader !== null && (row.pid === marks.leader || row.session === marks.leader))
    return true;
  const cookie = readVariable(row.pid, COOKIE_VARIABLE);
  return cookie === undefined ? undefined : cookie === marks.cookie;
}

/** Parents mostly come first, so nearly always the second pass adds nothing. */
function addDescendants(tree: Map<number, ProcessRow>, others: readonly Other[]): void {
  let before = 0;
  while (tree.size > before) {
    before = tree.size;
    for (const { row } of others) if (tree.has(row.parent)) tree.set(row.pid, row);
  }
}

/**
 * Signals each process group of the tree once: the kernel does that atomically against fork, and
 * groups of a tree hold nothing else, since its leader began a session of its own.
 */
export function signalTree(tree: readonly ProcessRow[], signal: NodeJS.Signals): void {
  const signalled = new Set<number>();
  for (const row of tree) {
    const now = signalled.has(row.group) ? null : readProcess(row.pid);
    if (now === null || now.startTicks !== row.startTicks) continue;
    signalled.add(now.group);
    // Group 0 is led from outside this pid namespace and cannot be named.
    sendSignal(now.group > 1 ? -now.group : now.pid, signal);
  }
}

/** Sends, unless the process is gone or not ours to signal. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // ESRCH or EPERM: nothing that we could do more.
  }
}
