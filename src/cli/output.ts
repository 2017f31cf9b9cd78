import type { Writable } from 'node:stream';
import { messageOf, systemCodeOf } from '#base';
import { cliErrors } from './errors.ts';

/** Thrown to end a command quietly when its reader has gone (`windrow ls | head`). */
export class OutputGone extends Error {
  constructor() {
    super('the reader of the output has gone');
  }
}

export interface OutputOptions {
  /** For messages: `stdout`, `stderr`. */
  readonly name: string;
  readonly isTerminal: boolean;
  /** False under NO_COLOR and off terminals. */
  readonly color: boolean;
  /** Width now; a terminal may be resized. */
  columns(): number;
  rows(): number;
}

/** stdout or stderr: waits for slow readers, notices when the reader has gone or the disk is full. */
export class Output {
  readonly options: OutputOptions;
  readonly stream: Writable;
  #error: unknown = null;

  constructor(stream: Writable, options: OutputOptions) {
    this.stream = stream;
    this.options = options;
    stream.on('error', (error) => {
      this.#error ??= error;
    });
  }

  get isTerminal(): boolean {
    return this.options.isTerminal;
  }

  get color(): boolean {
    return this.options.color;
  }

  /** True when nothing written here reaches anybody. */
  get gone(): boolean {
    return this.#error !== null;
  }

  /** Writes and waits until there is room for more. Throws OutputGone or OUTPUT_FAILED. */
  async write(data: string | Uint8Array): Promise<void> {
    this.#check();
    if (data.length === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const hasRoom = this.stream.write(data, () => resolve());
    if (!hasRoom) await promise;
    this.#check();
  }

  async line(text = ''): Promise<void> {
    await this.write(`${text}\n`);
  }

  /** One JSON document on one line. */
  async json(value: unknown): Promise<void> {
    await this.line(JSON.stringify(value));
  }

  /** For what is nobody's errand, as progress: failures are left to those who must know. */
  attempt(text: string): void {
    if (!this.gone) this.stream.write(text);
  }

  /** Waits until everything written has left the process. Throws as `write`. */
  async flush(): Promise<void> {
    if (!this.gone && !this.stream.destroyed) {
      await new Promise<void>((resolve) => this.stream.write('', () => resolve()));
    }
    this.#check();
  }

  #check(): void {
    if (this.#error === null) return;
    const code = systemCodeOf(this.#error);
    if (code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED') throw new OutputGone();
    const facts = { target: this.options.name, reason: code ?? messageOf(this.#error) };
    throw cliErrors.create('OUTPUT_FAILED', facts, { cause: this.#error });
  }
}
