/** SHA-256 of files and of what comes in, made by one thread. */
import { stat } from 'node:fs/promises';
import { type FedDigest, HashThread } from '#base';
import { Blocks } from './blocks.ts';

export class Digests {
  /** For what comes in: the thread takes it from there. */
  readonly blocks = new Blocks();
  readonly #thread = new HashThread('sha256');

  /** Of what is coming in. */
  feed(): FedDigest {
    return this.#thread.feed();
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
