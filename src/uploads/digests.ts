/** SHA-256 of files and of what comes in, made by one thread (`digest-thread.ts`). */
import { stat } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';

export type DigestOrder =
  | { readonly id: number; readonly kind: 'open'; readonly path: string }
  /** That much more of it is there. */
  | { readonly id: number; readonly kind: 'grown'; readonly bytes: number }
  | { readonly id: number; readonly kind: 'digest' | 'drop' };

export type DigestAnswer =
  | { readonly id: number; readonly kind: 'digest'; readonly sha256: string }
  | { readonly id: number; readonly kind: 'failed'; readonly error: Error };

/** One digest under way, of a file that grows. */
export interface Digesting {
  /** That many bytes more have been written to the file. */
  grown(bytes: number): void;
  /** The digest of all; ends this. Rejects with the system's error where the file cannot be read. */
  digest(): Promise<string>;
  drop(): void;
}

interface Waiting {
  resolve(sha256: string): void;
  reject(error: unknown): void;
}

export class Digests {
  #thread: Worker | null = null;
  #nextId = 1;
  readonly #waiting = new Map<number, Waiting>();

  /**
   * Of a file that is being written: it is read behind the writer, while it is in the memory of the
   * system still. To pass all bytes to the thread costs more, and memory.
   */
  open(path: string): Digesting {
    const id = this.#nextId++;
    this.#order({ id, kind: 'open', path });
    return {
      grown: (bytes) => this.#order({ id, kind: 'grown', bytes }),
      digest: () => {
        const { promise, resolve, reject } = Promise.withResolvers<string>();
        this.#order({ id, kind: 'digest' });
        this.#waiting.set(id, { resolve, reject });
        this.#thread?.ref();
        return promise;
      },
      drop: () => this.#order({ id, kind: 'drop' }),
    };
  }

  /** Of a whole file. Rejects with the system's errors. */
  async ofFile(path: string): Promise<string> {
    const { size } = await stat(path);
    const digesting = this.open(path);
    digesting.grown(size);
    return digesting.digest();
  }

  /** Ends the thread; what is under way fails. */
  async close(): Promise<void> {
    const thread = this.#thread;
    this.#thread = null;
    await thread?.terminate();
    this.#fail(new Error('the digests were closed'));
  }

  #order(order: DigestOrder): void {
    this.#thread ??= this.#start();
    this.#thread.postMessage(order);
  }

  #start(): Worker {
    const thread = new Worker(new URL('./digest-thread.ts', import.meta.url), {
      name: 'windrow-digest',
      execArgv: [],
    });
    thread.on('message', (answer: DigestAnswer) => this.#onAnswer(answer));
    thread.on('error', (error) => this.#fail(error));
    thread.once('exit', () => {
      if (this.#thread !== thread) return;
      this.#thread = null;
      this.#fail(new Error('the digest thread ended'));
    });
    // Only digests that somebody waits for keep the process alive.
    thread.unref();
    return thread;
  }

  #onAnswer(answer: DigestAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (this.#waiting.size === 0) this.#thread?.unref();
    if (answer.kind === 'digest') waiting?.resolve(answer.sha256);
    else waiting?.reject(answer.error);
  }

  #fail(error: unknown): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
