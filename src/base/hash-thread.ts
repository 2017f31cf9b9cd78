/**
 * Digests of files, made by a thread (`hash-worker.ts`), so that they keep no event loop from
 * receiving. Of a file that grows it follows what is written, or takes what is given from shared memory.
 */
import { Worker } from 'node:worker_threads';

export type HashOrder =
  | { readonly id: number; readonly kind: 'open'; readonly path: string | null }
  /** In shared memory. */
  | { readonly id: number; readonly kind: 'add'; readonly bytes: Uint8Array }
  | {
      readonly id: number;
      readonly kind: 'follow';
      readonly upTo: number;
      readonly tell: 'nothing' | 'digest' | 'end';
    }
  | { readonly id: number; readonly kind: 'drop' };

export type HashAnswer =
  | { readonly id: number; readonly kind: 'read'; readonly bytes: number }
  | { readonly id: number; readonly kind: 'digest'; readonly digest: string }
  | {
      readonly id: number;
      readonly kind: 'failed';
      readonly message: string;
      /** The system's, which an error loses between threads. */
      readonly code: string | undefined;
    };

/** What is written must not run away from what is read, or it has left the page cache by then. */
const MOST_BEHIND_BYTES = 64 << 20;
/** So often the thread is told that a file has grown: being woken for each MiB took a twentieth of the CPU time. */
const STEP_BYTES = 2 << 20;

/** Of one file, as it is followed. Each promise rejects when the file cannot be read. */
export interface FollowedFile {
  /** So many bytes lie in it. Undefined, or resolves once the digest is near behind. */
  written(upTo: number): Promise<void> | undefined;
  /** Of so many first bytes, in hex: not fewer than before. `end`: there are no more; it is done. */
  digest(upTo: number, tell: 'digest' | 'end'): Promise<string>;
  /** Ends this without an answer. */
  drop(): void;
}

/** Of bytes that are given, in their order. Each promise rejects when the thread ends. */
export interface FedDigest {
  /** Of shared memory. Resolves when they are taken: nobody may change them before. */
  add(bytes: Uint8Array<SharedArrayBuffer>): Promise<void>;
  /** Of all, in hex; ends this. */
  digest(): Promise<string>;
  /** Ends this without an answer. */
  drop(): void;
}

interface Asked {
  resolve(digest: string): void;
  reject(error: Error): void;
}

/** One file, as one thread follows it. */
interface Followed {
  /** How far it was told to read. */
  orderedBytes: number;
  readBytes: number;
  /** Who waits for room, and until how far it is read. */
  room: { readonly atBytes: number; readonly gate: PromiseWithResolvers<void> } | null;
  /** Who gave bytes and waits until they are taken, in their order. */
  readonly given: PromiseWithResolvers<void>[];
  /** Answers come in the order of the questions. */
  readonly asked: Asked[];
  error: Error | null;
}

/**
 * Makes one kind of digest, in a thread that starts when it is first needed; it keeps the process
 * alive only while somebody waits.
 */
export class HashThread {
  readonly #algorithm: string;
  readonly #followed = new Map<number, Followed>();
  #thread: Worker | null = null;
  #nextId = 1;
  #waiting = 0;

  /** @param algorithm as `createHash` names it */
  constructor(algorithm: string) {
    this.#algorithm = algorithm;
  }

  /** A file that lies there, or is being written. */
  open(path: string): FollowedFile {
    const [id, followed] = this.#begin(path);
    return {
      written: (upTo: number) => this.#written(id, followed, upTo),
      digest: (upTo: number, tell: 'digest' | 'end') => this.#ask(id, followed, upTo, tell),
      drop: () => this.#drop(id, followed),
    };
  }

  /** What is given piece by piece. */
  feed(): FedDigest {
    const [id, followed] = this.#begin(null);
    return {
      add: (bytes) => this.#add(id, followed, bytes),
      digest: () => this.#ask(id, followed, followed.orderedBytes, 'end'),
      drop: () => this.#drop(id, followed),
    };
  }

  #begin(path: string | null): [number, Followed] {
    const id = this.#nextId++;
    const followed: Followed = {
      ...{ orderedBytes: 0, readBytes: 0, room: null },
      ...{ given: [], asked: [], error: null },
    };
    this.#followed.set(id, followed);
    this.#order({ id, kind: 'open', path });
    return [id, followed];
  }

  #drop(id: number, followed: Followed): void {
    if (this.#followed.delete(id)) this.#order({ id, kind: 'drop' });
    fail(followed, new Error('the digest is not wanted any more'));
  }

  /** Ends the thread; what is under way fails with `reason`. */
  async close(reason: Error): Promise<void> {
    const thread = this.#thread;
    this.#thread = null;
    await thread?.terminate();
    this.#failAll(reason);
  }

  #written(id: number, followed: Followed, upTo: number): Promise<void> | undefined {
    if (followed.error) return Promise.reject(followed.error);
    if (upTo - followed.orderedBytes >= STEP_BYTES) {
      followed.orderedBytes = upTo;
      this.#order({ id, kind: 'follow', upTo, tell: 'nothing' });
    }
    const atBytes = upTo - MOST_BEHIND_BYTES;
    if (followed.readBytes >= atBytes) return undefined;
    followed.room ??= { atBytes, gate: Promise.withResolvers() };
    return this.#keptAlive(followed.room.gate.promise);
  }

  #add(id: number, followed: Followed, bytes: Uint8Array<SharedArrayBuffer>): Promise<void> {
    if (followed.error) return Promise.reject(followed.error);
    const taken = Promise.withResolvers<void>();
    followed.given.push(taken);
    followed.orderedBytes += bytes.length;
    this.#order({ id, kind: 'add', bytes });
    return this.#keptAlive(taken.promise);
  }

  async #ask(
    id: number,
    followed: Followed,
    upTo: number,
    tell: 'digest' | 'end',
  ): Promise<string> {
    if (followed.error) throw followed.error;
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    followed.asked.push({ resolve, reject });
    this.#order({ id, kind: 'follow', upTo, tell });
    try {
      return await this.#keptAlive(promise);
    } finally {
      if (tell === 'end') this.#followed.delete(id);
    }
  }

  /** Nothing else may keep the process, but somebody waits. */
  async #keptAlive<T>(promise: Promise<T>): Promise<T> {
    if (this.#waiting++ === 0) this.#thread?.ref();
    try {
      return await promise;
    } finally {
      if (--this.#waiting === 0) this.#thread?.unref();
    }
  }

  #order(order: HashOrder): void {
    this.#thread ??= this.#start();
    this.#thread.postMessage(order);
  }

  #start(): Worker {
    const thread = new Worker(new URL('./hash-worker.ts', import.meta.url), {
      name: `windrow-${this.#algorithm}`,
      workerData: this.#algorithm,
      execArgv: [],
    });
    thread.on('message', (answer: HashAnswer) => this.#onAnswer(answer));
    thread.on('error', (error) => this.#failAll(error as Error));
    thread.once('exit', () => {
      if (this.#thread !== thread) return;
      this.#thread = null;
      this.#failAll(new Error('the digest thread ended'));
    });
    thread.unref();
    return thread;
  }

  #onAnswer(answer: HashAnswer): void {
    const followed = this.#followed.get(answer.id);
    if (!followed) return;
    if (answer.kind === 'failed') {
      const { message, code } = answer;
      fail(followed, Object.assign(new Error(message), { code }));
    } else if (answer.kind === 'digest') followed.asked.shift()?.resolve(answer.digest);
    else {
      followed.readBytes = answer.bytes;
      followed.given.shift()?.resolve();
      if (followed.room === null || answer.bytes < followed.room.atBytes) return;
      followed.room.gate.resolve();
      followed.room = null;
    }
  }

  #failAll(error: Error): void {
    for (const followed of this.#followed.values()) fail(followed, error);
    this.#followed.clear();
  }
}

function fail(followed: Followed, error: Error): void {
  followed.error = error;
  followed.room?.gate.reject(error);
  followed.room = null;
  for (const { reject } of [...followed.given.splice(0), ...followed.asked.splice(0)])
    reject(error);
}
