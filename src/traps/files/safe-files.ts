/**
 * Reads files of others without ever waiting for one that hangs: reading happens in a thread, and a
 * thread that gets no further is left behind with what it hangs on, and followed by another.
 *
 *   idle ──job──▶ busy ──answer──▶ idle
 *                  └──no progress──▶ left behind; the job goes on in a new thread without that file
 */
import { Worker } from 'node:worker_threads';
import type { DirectoryList, FileRead } from './bounded-read.ts';
import type { FileAnswer, FileJob } from './file-jobs.ts';
import type { TailCursor, TailRead } from './tail.ts';

export interface SafeFilesOptions {
  /** Without progress for this long a read counts as stuck. */
  readonly timeoutMs: number;
}

/** With so many threads left behind nothing more is tried: the machine is in trouble. */
const LEFT_BEHIND_MOST = 4;

export class SafeFiles {
  readonly #timeoutMs: number;
  readonly #progress = () => new Int32Array(new SharedArrayBuffer(4));
  #thread: { readonly worker: Worker; readonly progress: Int32Array } | null = null;
  /** Paths that hang, each with the thread that hangs on it. */
  readonly #stuck = new Map<string, Worker>();
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

  async readFiles(paths: readonly string[], mostBytes: number): Promise<Map<string, FileRead>> {
    return this.#each(paths, (some) => ({ kind: 'read', paths: some, mostBytes }));
  }

  async listDirectories(
    paths: readonly string[],
    most: number,
  ): Promise<Map<string, DirectoryList>> {
    return this.#each(paths, (some) => ({ kind: 'list', paths: some, most }));
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

  async #each<T extends FileRead | DirectoryList>(
    paths: readonly string[],
    jobOf: (paths: readonly string[]) => FileJob,
  ): Promise<Map<string, T>> {
    const found = new Map<string, T>();
    let left = paths;
    while (left.length > 0) {
      const tried = left.filter((path) => !this.#isHopeless(path));
      for (const path of left) if (!tried.includes(path)) found.set(path, STUCK as T);
      if (tried.length === 0) break;
      const answer = await this.#inTurn(() => this.#ask(jobOf(tried), tried));
      if (answer === null || answer.kind === 'tail') {
        left = tried;
        continue;
      }
      for (const [index, path] of tried.entries()) found.set(path, answer.files[index] as T);
      break;
    }
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
    let at = -1;
    const look = setInterval(() => {
      const now = Atomics.load(progress, 0);
      if (now === at) {
        // Before anybody else has a turn with this thread.
        this.#leaveBehind(paths[now]!);
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
