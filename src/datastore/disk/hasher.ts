/**
 * SHA-256 of files, and MD5 where somebody asks for it, each made by a thread of its own. MD5 takes
 * twice as long as SHA-256, longer than a file takes to come.
 */
import { HashThread } from '#base';
import { datastoreErrors } from '../errors.ts';

export interface FileDigests {
  readonly sha256: string;
  /** Null: it was not asked for. */
  readonly md5: string | null;
}

/** A file whose digests are being made. Each promise rejects when the file cannot be read. */
export interface Following {
  /** So many bytes lie in the file. Undefined, or resolves once the digests are near behind. */
  written(bytes: number): Promise<unknown> | undefined;
  /** Of so many first bytes: not fewer than were written or asked for before. */
  sha256Of(bytes: number): Promise<string>;
  /** Of all bytes; ends this. */
  digests(bytes: number): Promise<FileDigests>;
  /** Ends this without an answer. */
  drop(): void;
}

/** Starts its threads when they are first needed; they keep no process alive. */
export class Hasher {
  readonly #sha256 = new HashThread('sha256');
  readonly #md5 = new HashThread('md5');

  follow(path: string, withMd5 = false): Following {
    const sha256 = this.#sha256.open(path);
    const md5 = withMd5 ? this.#md5.open(path) : null;
    return {
      written(bytes) {
        const waits = [sha256.written(bytes), md5?.written(bytes)].filter((wait) => wait);
        return waits.length === 0 ? undefined : Promise.all(waits);
      },
      sha256Of: (bytes) => sha256.digest(bytes, 'digest'),
      async digests(bytes) {
        const both = [sha256.digest(bytes, 'end'), md5?.digest(bytes, 'end') ?? null] as const;
        const [first, second] = await Promise.all(both);
        return { sha256: first, md5: second };
      },
      drop() {
        sha256.drop();
        md5?.drop();
      },
    };
  }

  /** Of a file that lies there. */
  md5Of(path: string, bytes: number): Promise<string> {
    return this.#md5.open(path).digest(bytes, 'end');
  }

  /** Ends the threads; what is under way fails. */
  async close(): Promise<void> {
    const closed = datastoreErrors.create('DATA_CLOSED');
    await Promise.all([this.#sha256.close(closed), this.#md5.close(closed)]);
  }
}
