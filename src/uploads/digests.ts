/** SHA-256 of files and of what comes in, made by one thread (`digest-thread.ts`). */
import { stat } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';

export type DigestOrder =
  | { readonly id: number; readonly kind: 'open'; readonly path: string; readonly bytes: number }
  | { readonly id: number; readonly kind: 'add'; readonly piece: Uint8Array }
  | { readonly id: number; readonly kind: 'digest' | 'drop' };

export type DigestAnswer =
  | { readonly id: number; readonly kind: 'taken'; readonly bytes: number }
  | { readonly id: number; readonly kind: 'digest'; readonly sha256: string }
  | { readonly id: number; readonly kind: 'failed'; readonly error: Error };

/** What may lie in the thread's queue; more must wait. */
const QUEUED_BYTES = 16 * 2 ** 20;

/** One digest under way. */
export interface Digesting {
  /** Takes the piece away: its memory is the thread's. Wait for the promise before the next. */
  add(piece: Buffer): Promise<void> | undefined;
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
  #queuedBytes = 0;
  #hasRoom = Promise.withResolvers<void>();
  readonly #waiting = new Map<number, Waiting>();

  /** Begins with the first `bytes` of a file. */
  open(path: string, bytes: number): Digesting {
    const id = this.#nextId++;
    this.#order({ id, kind: 'open', path, bytes });
    return {
      add: (piece) => this.#add(id, piece),
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
    return this.open(path, size).digest();
  }

  /** Ends the thread; what is under way fails. */
  async close(): Promise<void> {
    const thread = this.#thread;
    this.#thread = null;
    await thread?.terminate();
    this.#fail(new Error('the digests were closed'));
  }

  #add(id: number, piece: Buffer): Promise<void> | undefined {
    const isAlone = piece.byteOffset === 0 && piece.length === piece.buffer.byteLength;
    // A slice shares its memory with others: it is copied.
    const own = isAlone ? piece : new Uint8Array(piece);
    const { length } = own;
    this.#order({ id, kind: 'add', piece: own }, [own.buffer as ArrayBuffer]);
    this.#queuedBytes += length;
    return this.#queuedBytes > QUEUED_BYTES ? this.#hasRoom.promise : undefined;
  }

  #order(order: DigestOrder, transfer: ArrayBuffer[] = []): void {
    this.#thread ??= this.#start();
    this.#thread.postMessage(order, transfer);
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
    if (answer.kind === 'taken') {
      this.#queuedBytes -= answer.bytes;
      if (this.#queuedBytes <= QUEUED_BYTES / 2) this.#giveRoom();
      return;
    }
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (this.#waiting.size === 0) this.#thread?.unref();
    if (answer.kind === 'digest') waiting?.resolve(answer.sha256);
    else waiting?.reject(answer.error);
  }

  #giveRoom(): void {
    this.#hasRoom.resolve();
    this.#hasRoom = Promise.withResolvers();
  }

  #fail(error: unknown): void {
    this.#queuedBytes = 0;
    this.#giveRoom();
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
