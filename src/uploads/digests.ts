/** SHA-256 of files and of what comes in, made by one thread. */
import { stat } from 'node:fs/promises';
import { HashThread } from '#base';

/** One digest under way, of a file that grows. */
export interface Digesting {
  /** That many bytes more have been written to the file. */
  grown(bytes: number): void;
  /** The digest of all; ends this. Rejects with the system's error where the file cannot be read. */
  digest(): Promise<string>;
  drop(): void;
}

export class Digests {
  readonly #thread = new HashThread('sha256');

  /**
   * Of a file that is being written: it is read behind the writer, while it is in the memory of the
   * system still. To pass all bytes to the thread costs more, and memory.
   */
  open(path: string): Digesting {
    const file = this.#thread.open(path);
    let allBytes = 0;
    return {
      grown(bytes) {
        allBytes += bytes;
        // Nobody waits for it; what goes wrong is told with the digest.
        file.written(allBytes)?.catch(() => {});
      },
      digest: () => file.digest(allBytes, 'end'),
      drop: () => file.drop(),
    };
  }

  /** Of a whole file. Rejects with the system's errors. */
  async ofFile(path: string): Promise<string> {
    const { size } = await stat(path);
    return await this.#thread.open(path).digest(size, 'end');
  }

  /** Ends the thread; what is under way fails. */
  async close(): Promise<void> {
    await this.#thread.close(new Error('the digests were closed'));
  }
}
