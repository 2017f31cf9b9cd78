/**
 * SHA-256 and MD5 of files, each made by a thread of its own, so that they take the time of the slower
 * one.
 */
import { HashThread } from '#base';
import { datastoreErrors } from '../errors.ts';

/** A file whose digests are being made. Each promise rejects when the file cannot be read. */
export interface Following {
  /** So many bytes lie in the file. Undefined, or resolves once the digests are near behind. */
  written(bytes: number): Promise<unknown> | undefined;
  /** Of so many first bytes: not fewer than were written or asked for before. */
  sha256Of(bytes: number): Promise<string>;
  /** Of all bytes; ends this. */
  digests(bytes: number): Promise<{ readonly sha256: string; readonly md5: string }>;
  /** Ends this without an answer. */
  drop(): void;
}

/** Starts its threads when they are first needed; they keep no process alive. */
export class Hasher {
  readonly #sha256 = new HashThread('sha256');
  readonly #md5 = new HashThread('md5');

  follow(path: string): Following {
    const [sha256, md5] = [this.#sha256.open(path), this.#md5.open(path)];
    return {
      written(bytes) {
        const waits = [sha256.written(bytes), md5.written(bytes)].filter((wait) => wait);
        return waits.length === 0 ? undefined : Promise.all(waits);
      },
      sha256Of: (bytes) => sha256.digest(bytes, 'digest'),
      async digests(bytes) {
        const both = [sha256.digest(bytes, 'end'), md5.digest(bytes, 'end')] as const;
        const [first, second] = await Promise.all(both);
        return { sha256: first, md5: second };
      },
      drop() {
        sha256.drop();
        md5.drop();
      },
    };
  }

  /** Ends the threads; what is under way fails. */
  async close(): Promise<void> {
    const closed = datastoreErrors.create('DATA_CLOSED');
    await Promise.all([this.#sha256.close(closed), this.#md5.close(closed)]);
  }
}
