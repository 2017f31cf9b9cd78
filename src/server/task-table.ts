import {
  SEGMENT_TASKS,
  type TaskCounts,
  type TaskIndex,
  type TaskRun,
  TaskState,
  taskStateName,
} from '#model';

/** Waiting tasks of which any may be taken for any other. */
interface Lane {
  /** Came back to waiting behind the cursor; an entry whose task has moved on is passed over. */
  returned: TaskIndex[];
  returnedAt: number;
  cursor: number;
  waiting: number;
  /** Of these, those that are delayed or parked. */
  kept: number;
}

const newLane = (waiting: number): Lane => {
  return { returned: [], returnedAt: 0, cursor: 0, waiting, kept: 0 };
};

const NONE = [] as const;

/** Delayed tasks are looked at in steps of this length. */
const DELAY_STEP_MS = 100;

/**
 * The states of a job's tasks, a byte each, with counts and the order in which waiting tasks are
 * taken: those that came back first, then the rest in table order. Nothing here ever loops over
 * waiting tasks: the cursor only moves forward, past tasks that are not waiting any more.
 */
export class TaskTable {
  readonly #states: Uint8Array;
  readonly #counts: number[] = new Array(8).fill(0);
  readonly #dirty = new Set<number>();
  /** By kind of row; one where rows are all alike. */
  #lanes: Lane[];
  /** Null: rows are all alike. */
  #rows: Uint8Array | null = null;
  readonly #delayed = new Map<number, TaskIndex[]>();
  #delayedCount = 0;
  /** Waiting, but only for those who ask for their kind; by kind. */
  readonly #parked = new Map<string, Set<TaskIndex>>();
  readonly #kindOf = new Map<TaskIndex, string>();
  /** Delayed or parked, and perhaps not yet behind the cursor, which must pass over them. */
  readonly #passedOver = new Set<TaskIndex>();

  constructor(rows: number) {
    this.#states = new Uint8Array(rows);
    this.#counts[TaskState.waiting] = rows;
    this.#lanes = [newLane(rows)];
  }

  /** Tells kinds of rows apart from now on; null: no more. One pass over the bytes. */
  sort(kinds: { readonly of: Uint8Array; readonly cells: readonly unknown[] } | null): void {
    if (kinds === null && this.#rows === null) return;
    const returned = this.#lanes.flatMap((lane) => lane.returned.slice(lane.returnedAt));
    this.#rows = kinds?.of ?? null;
    this.#lanes = Array.from({ length: kinds?.cells.length ?? 1 }, () => newLane(0));
    let task = this.#states.indexOf(TaskState.waiting);
    for (; task >= 0; task = this.#states.indexOf(TaskState.waiting, task + 1)) {
      this.#laneOf(task).waiting++;
    }
    for (const one of returned) this.#laneOf(one).returned.push(one);
    for (const one of this.#keptBack()) {
      this.#laneOf(one).kept++;
      this.#passedOver.add(one);
    }
  }

  #laneOf(task: TaskIndex): Lane {
    return this.#lanes[this.#rows === null ? 0 : this.#rows[task]!]!;
  }

  *#keptBack(): Generator<TaskIndex> {
    for (const tasks of this.#delayed.values()) yield* tasks;
    yield* this.#kindOf.keys();
  }

  /** Tasks of a kind of rows that may start now. */
  readyOf(kind: number): number {
    const { waiting, kept } = this.#lanes[kind]!;
    return waiting - kept;
  }

  get rows(): number {
    return this.#states.length;
  }

  /** Tasks that may start now. */
  get ready(): number {
    return this.#counts[TaskState.waiting]! - this.#delayedCount - this.#kindOf.size;
  }

  get delayed(): number {
    return this.#delayedCount;
  }

  /** Tasks that are not in a final state and not held. */
  get open(): number {
    const at = (state: TaskState) => this.#counts[state]!;
    return (
      at(TaskState.waiting) + at(TaskState.staging) + at(TaskState.running) + at(TaskState.checking)
    );
  }

  count(state: TaskState): number {
    return this.#counts[state]!;
  }

  counts(): TaskCounts {
    const counts = {} as TaskCounts;
    this.#counts.forEach((count, state) => {
      counts[taskStateName(state)] = count;
    });
    return counts;
  }

  state(task: TaskIndex): TaskState {
    return (this.#states[task] ?? TaskState.removed) as TaskState;
  }

  /** Puts back what was stored; call before anything else. */
  restore(segment: number, bytes: Uint8Array): void {
    const first = segment * SEGMENT_TASKS;
    for (let index = 0; index < bytes.length; index++) {
      const state = bytes[index]!;
      if (state === TaskState.waiting) continue;
      this.#states[first + index] = state;
      this.#laneOf(first + index).waiting--;
      this.#counts[TaskState.waiting]!--;
      this.#counts[state]!++;
    }
  }

  set(task: TaskIndex, state: TaskState): void {
    const before = this.state(task);
    if (before === state) return;
    this.#states[task] = state;
    this.#counts[before]!--;
    this.#counts[state]!++;
    if (before === TaskState.waiting) this.#laneOf(task).waiting--;
    else if (state === TaskState.waiting) this.#laneOf(task).waiting++;
    this.#dirty.add(Math.floor(task / SEGMENT_TASKS));
  }

  /** A waiting task whose delay outlived the server; call after `restore`. */
  delay(task: TaskIndex, notBeforeMs: number): void {
    if (this.state(task) === TaskState.waiting) this.giveBack(task, notBeforeMs);
  }

  /** Back to waiting; at `notBeforeMs` or later (0: at once). */
  giveBack(task: TaskIndex, notBeforeMs: number): void {
    const lane = this.#laneOf(task);
    this.set(task, TaskState.waiting);
    if (notBeforeMs === 0) {
      lane.returned.push(task);
      return;
    }
    if (task >= lane.cursor) this.#passedOver.add(task);
    const step = Math.ceil(notBeforeMs / DELAY_STEP_MS);
    const tasks = this.#delayed.get(step);
    if (tasks) tasks.push(task);
    else this.#delayed.set(step, [task]);
    this.#delayedCount++;
    lane.kept++;
  }

  /** Back to waiting as one of a kind, which `take` does not give out. */
  park(task: TaskIndex, kind: string): void {
    this.undelay(task);
    this.set(task, TaskState.waiting);
    this.#passedOver.add(task);
    this.#kindOf.set(task, kind);
    this.#laneOf(task).kept++;
    const tasks = this.#parked.get(kind);
    if (tasks) tasks.add(task);
    else this.#parked.set(kind, new Set([task]));
  }

  /** Each with a task of it. */
  parkedKinds(): [kind: string, ready: number, example: TaskIndex][] {
    return [...this.#parked].map(([kind, tasks]) => [
      kind,
      tasks.size,
      [...tasks.keys().take(1)][0]!,
    ]);
  }

  /** Takes up to `count` tasks of a kind and makes them running. */
  takeParked(kind: string, count: number): TaskIndex[] {
    const taken = [...(this.#parked.get(kind) ?? [])].slice(0, count);
    for (const task of taken) {
      this.undelay(task);
      this.set(task, TaskState.running);
    }
    return taken.sort((a, b) => a - b);
  }

  #unpark(task: TaskIndex): void {
    const kind = this.#kindOf.get(task);
    if (kind === undefined) return;
    this.#kindOf.delete(task);
    this.#laneOf(task).kept--;
    const tasks = this.#parked.get(kind)!;
    tasks.delete(task);
    if (tasks.size === 0) this.#parked.delete(kind);
  }

  /** Delayed tasks whose time has come are ready now. Returns how many. */
  releaseDue(nowMs: number): number {
    let released = 0;
    for (const [step, tasks] of this.#delayed) {
      if (step * DELAY_STEP_MS > nowMs) continue;
      this.#delayed.delete(step);
      this.#delayedCount -= tasks.length;
      released += tasks.length;
      for (const task of tasks) {
        this.#passedOver.delete(task);
        const lane = this.#laneOf(task);
        lane.kept--;
        lane.returned.push(task);
      }
    }
    return released;
  }

  /** Takes up to `count` ready tasks, of one kind of rows, and makes them running. */
  take(count: number, kind = 0): TaskIndex[] {
    const taken: TaskIndex[] = [];
    const lane = this.#lanes[kind]!;
    while (taken.length < count && lane.returnedAt < lane.returned.length) {
      const task = lane.returned[lane.returnedAt++]!;
      if (this.state(task) === TaskState.waiting) this.#take(task, taken);
    }
    if (lane.returnedAt === lane.returned.length) {
      lane.returned = [];
      lane.returnedAt = 0;
    }
    while (taken.length < count) {
      const task = this.#nextWaiting(lane.cursor, kind);
      if (task < 0) {
        lane.cursor = this.#states.length;
        break;
      }
      lane.cursor = task + 1;
      if (this.#passedOver.has(task)) continue;
      this.#take(task, taken);
    }
    return taken;
  }

  #nextWaiting(from: TaskIndex, kind: number): TaskIndex {
    let task = this.#states.indexOf(TaskState.waiting, from);
    while (this.#rows !== null && task >= 0 && this.#rows[task] !== kind) {
      const like = this.#rows.indexOf(kind, task);
      task = like < 0 ? -1 : this.#states.indexOf(TaskState.waiting, like);
    }
    return task;
  }

  #take(task: TaskIndex, taken: TaskIndex[]): void {
    this.set(task, TaskState.running);
    taken.push(task);
  }

  /** The first task at or after `from` in one of `states`, or -1. */
  find(states: readonly TaskState[], from: TaskIndex): TaskIndex {
    const found = states
      .map((state) => this.#states.indexOf(state, from))
      .filter((index) => index >= 0);
    return found.length === 0 ? -1 : Math.min(...found);
  }

  /**
   * Moves every task in state `from` for which `wanted` holds, in one pass over the bytes: a second
   * for a hundred million. Only commands and policies that mean all of them do this.
   */
  moveAll(
    from: TaskState,
    to: TaskState,
    wanted: (task: TaskIndex) => boolean = () => true,
    within: readonly TaskRun[] = [[0, this.rows]],
  ): TaskRun[] {
    const runs: [TaskIndex, number][] = [];
    const isAnySet = this.#delayedCount + this.#kindOf.size > 0;
    const clearsDelays = from === TaskState.waiting && isAnySet;
    for (const [first, count] of within) {
      let task = this.#states.indexOf(from, first);
      for (; task >= 0 && task < first + count; task = this.#states.indexOf(from, task + 1)) {
        if (!wanted(task)) continue;
        if (clearsDelays) this.undelay(task);
        this.set(task, to);
        const last = runs.at(-1);
        if (last && last[0] + last[1] === task) last[1]++;
        else runs.push([task, 1]);
      }
    }
    if (to === TaskState.waiting && runs.length > 0) this.#rewind(runs[0]![0]);
    return runs;
  }

  /** The cursor passes these again; what is delayed must not be taken with them. */
  #rewind(task: TaskIndex): void {
    const passed = this.#lanes.filter((lane) => task < lane.cursor);
    if (passed.length === 0) return;
    for (const lane of passed) lane.cursor = task;
    for (const one of this.#keptBack()) this.#passedOver.add(one);
  }

  /** A waiting task leaves the queue: its delay is over with it. */
  undelay(task: TaskIndex): void {
    this.#passedOver.delete(task);
    this.#unpark(task);
    for (const [step, tasks] of this.#delayed) {
      const at = tasks.indexOf(task);
      if (at < 0) continue;
      tasks.splice(at, 1);
      if (tasks.length === 0) this.#delayed.delete(step);
      this.#delayedCount--;
      this.#laneOf(task).kept--;
      return;
    }
  }

  /** State bytes of the segments touched since the last call. */
  takeDirty(): readonly { segment: number; bytes: Uint8Array }[] {
    if (this.#dirty.size === 0) return NONE;
    const segments = [...this.#dirty].map((segment) => ({
      segment,
      bytes: this.#states.slice(segment * SEGMENT_TASKS, (segment + 1) * SEGMENT_TASKS),
    }));
    this.#dirty.clear();
    return segments;
  }
}
