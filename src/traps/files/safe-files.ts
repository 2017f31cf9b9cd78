/**
 * Reads files of others without ever waiting for one that hangs: reading happens in a thread, and a
 * thread that gets no further is left behind with what it hangs on, and followed by another.
 *
 *   idle ──job──▶ busy ──answer──▶ idle
 *                  └──no progress──▶ left behind; the job goes on in a new thread without that file
 */
import { Worker } from 'node:worker_threads';
import type { DirectoryList, FileRead } from './bounded-read.ts';
import { AT_NONE, type FileAnswer, type FileJob } from './file-jobs.ts';
import type { TailCursor, TailRead } from './tail.ts';

/** By path. */
export type Answers<T extends FileRead | DirectoryList> = ReadonlyMap<string, T>;

type PathsJob = Exclude<FileJob, { kind: 'tail' }>;

export interface SafeFilesOptions {
  /** Without progress for this long a read counts as stuck. */
  readonly timeoutMs: number;
}

/** With so many threads left behind nothing more is tried: the machine is in trouble. */
const LEFT_BEHIND_MOST = 4;

/** A thread on a busy machine is slow to begin; that is no file's fault before this long. */
const BEGIN_MS = 30_000;

export class SafeFiles {
  readonly #timeoutMs: number;
  readonly #progress = () => new Int32Array(new SharedArrayBuffer(4));
  #thread: { readonly worker: Worker; readonly progress: Int32Array } | null = null;
  /** Paths that hang, each with the thread that hangs on it. */
  readonly #stuck = new Map<string, Worker>();
  /** The last answers to who asks again and again; the thread leaves out what is still the same. */
  readonly #said: { read: Answers<FileRead>; list: Answers<DirectoryList> } = {
    read: new Map(),
    list: new Map(),
  };
  #queue: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: SafeFilesOptions) {
    this.#timeoutMs = options.timeoutMs;
  }

  /** What hangs now. While something does, the process cannot end by itself. */
  get stuck(): string[] {
    return [...this.#stuck.keys()];
  }

  async readFile(path: string, mostBytes: number): Promise<FileRead> {
    return (await this.readFiles([path], mostBytes)).get(path)!;
  }

  async listDirectory(path: string, most: number): Promise<DirectoryList> {
    return (await this.listDirectories([path], most)).get(path)!;
  }

  async readFiles(paths: readonly string[], mostBytes: number): Promise<Answers<FileRead>> {
    return this.#each({ kind: 'read', paths, mostBytes, isAgain: false });
  }

  /**
   * For one who reads the same files again and again: what has not changed costs little, and where
   * nothing has, the answer is the very same object as before.
   */
  async readFilesAgain(paths: readonly string[], mostBytes: number): Promise<Answers<FileRead>> {
    return this.#each({ kind: 'read', paths, mostBytes, isAgain: true });
  }

  async listDirectories(paths: readonly string[], most: number): Promise<Answers<DirectoryList>> {
    return this.#each({ kind: 'list', paths, most, isAgain: false });
  }

  /** As `readFilesAgain`. */
  async listDirectoriesAgain(
    paths: readonly string[],
    most: number,
  ): Promise<Answers<DirectoryList>> {
    return this.#each({ kind: 'list', paths, most, isAgain: true });
  }

  /** What a file has grown by since the last call; the first begins at the cursor. */
  async tail(path: string, cursor: TailCursor | null, mostBytes: number): Promise<TailRead> {
    const hangs = { pieces: [], cursor, behindBytes: 0, trouble: STUCK };
    if (this.#isHopeless(path)) return hangs;
    const answer = await this.#inTurn(() =>
      this.#ask({ kind: 'tail', path, cursor, mostBytes }, [path]),
    );
    return answer?.kind === 'tail' ? answer.read : hangs;
  }

  /** Ends the thread; those that hang end when what they hang on does. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#queue;
    await this.#thread?.worker.terminate();
    this.#thread = null;
  }

  async #each<T extends FileRead | DirectoryList>(job: PathsJob): Promise<Answers<T>> {
    const { paths } = job;
    let left = paths;
    for (;;) {
      left = left.filter((path) => !this.#isHopeless(path));
      const tried = { ...job, paths: left };
      const found =
        left.length > 0
          ? await this.#inTurn(async () => this.#answers<T>(tried, await this.#ask(tried, left)))
          : new Map<string, T>();
      if (found === null) continue; // one of them hangs, and is hopeless now
      if (left.length === paths.length) return found;
      return new Map(paths.map((path) => [path, found.get(path) ?? (STUCK as T)]));
    }
  }

  /** Complete with what the thread left out because it is as it was. */
  #answers<T extends FileRead | DirectoryList>(
    { kind, paths, isAgain }: PathsJob,
    answer: FileAnswer | null,
  ): Answers<T> | null {
    if (answer === null || answer.kind === 'tail') return null;
    const files = answer.files as readonly (T | null)[];
    const before = this.#said[kind] as Answers<T>;
    const isAsBefore = files.every((file) => file === null) && before.size === paths.length;
    if (isAsBefore) return before;
    const found = new Map(paths.map((path, index) => [path, files[index] ?? before.get(path)!]));
    if (isAgain) Object.assign(this.#said, { [kind]: found });
    return found;
  }

  #isHopeless(path: string): boolean {
    return this.#closed || this.#stuck.has(path) || this.#stuck.size >= LEFT_BEHIND_MOST;
  }

  /** One job at a time, so that progress is that of one job. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work);
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  /** The answer, or null when it hung on one of the paths. Throws what the thread throws. */
  #ask(job: FileJob, paths: readonly string[]): Promise<FileAnswer | null> {
    const { worker, progress } = this.#started();
    const { promise, resolve, reject } = Promise.withResolvers<FileAnswer | null>();
    Atomics.store(progress, 0, AT_NONE);
    const asked = performance.now();
    let at = AT_NONE;
    const look = setInterval(() => {
      const now = Atomics.load(progress, 0);
      if (now === AT_NONE && performance.now() - asked < BEGIN_MS) return;
      if (now === at) {
        // Before anybody else has a turn with this thread.
        this.#leaveBehind(paths[Math.max(now, 0)]!);
        resolve(null);
      }
      at = now;
    }, this.#timeoutMs);
    worker.once('message', resolve).once('error', reject);
    worker.postMessage(job);
    return promise.finally(() => {
      clearInterval(look);
      worker.off('message', resolve).off('error', reject);
    });
  }

  #started(): { worker: Worker; progress: Int32Array } {
    if (this.#thread) return this.#thread;
    const progress = this.#progress();
    const worker = new Worker(new URL('./file-thread.ts', import.meta.url), {
      name: 'windrow-files',
      workerData: progress.buffer,
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 8 },
    });
    const thread = { worker, progress };
    // A thread that failed is told to whoever waits; the next job starts another.
    worker.on('error', () => {});
    worker.once('exit', () => {
      if (this.#thread === thread) this.#thread = null;
    });
    worker.unref();
    this.#thread = thread;
    return thread;
  }

  #leaveBehind(path: string): void {
    const { worker } = this.#thread!;
    this.#thread = null;
    this.#stuck.set(path, worker);
    worker.once('exit', () => this.#stuck.delete(path));
    // Takes effect when the read returns.
    void worker.terminate();
  }
}

const STUCK = { kind: 'stuck' } as const;
