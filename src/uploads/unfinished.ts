/**
 * Uploads that are under way, as files of one directory: `<upload>.data` with what has come, and
 * `<upload>.json` with what it is to become. This is the store behind the tus protocol.
 */
import { randomUUID } from 'node:crypto';
import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { DataStore, ERRORS, Upload } from '@tus/server';
import * as z from 'zod';
import { systemCodeOf } from '#base';
import type { Digests } from './digests.ts';
import { eachPiece, type Taker } from './each-piece.ts';
import { IncomingFile } from './incoming-file.ts';
import type { StraightReads } from './straight-reads.ts';
import { TusError, toTusError } from './tus-error.ts';

const notes = z.object({
  size: z.int().min(0),
  metadata: z.record(z.string(), z.string().nullable()),
  createdAtMs: z.number(),
  /** The name it was stored under; null while it is coming. */
  storedAs: z.string().nullable(),
});
type Notes = z.infer<typeof notes>;

export interface UnfinishedOptions {
  /** Absolute; it is there. */
  readonly directory: string;
  readonly now: () => number;
  readonly digests: Digests;
  /** Throws where an upload would find no place when it has come. */
  readonly requireRoom: (upload: Pick<Upload, 'metadata' | 'size'>) => Promise<void>;
  readonly failures: UploadFailures;
}

/** How those who take uploads put it. */
export interface UploadFailures {
  unknown(cause?: unknown): Error;
  /** What came is kept, and can be gone on with. */
  diskFull(cause: unknown): Error;
  /** Whether there never will be a place for the upload: what came of it goes. */
  isHopeless(error: unknown): boolean;
}

/** While so much comes others may have taken the room. */
const ROOM_LOOK_BYTES = 64 << 20;
const TOO_MUCH = new TusError(
  ERRORS.ERR_SIZE_EXCEEDED.status_code,
  ERRORS.ERR_SIZE_EXCEEDED.body,
  null,
);

export class Unfinished extends DataStore {
  readonly #directory: string;
  readonly #failures: UploadFailures;
  readonly #now: () => number;
  readonly #digests: Digests;
  readonly #requireRoom: UnfinishedOptions['requireRoom'];
  /** Of uploads whose last piece has just come. */
  readonly #whole = new Map<string, string>();

  constructor({ directory, now, digests, requireRoom, failures }: UnfinishedOptions) {
    super();
    // Without `expiration`: what counts here is when something came last, not when it began.
    this.extensions = ['creation', 'creation-with-upload', 'termination'];
    this.#directory = directory;
    this.#failures = failures;
    this.#now = now;
    this.#digests = digests;
    this.#requireRoom = requireRoom;
  }

  override async create(upload: Upload): Promise<Upload> {
    const createdAtMs = this.#now();
    upload.creation_date = new Date(createdAtMs).toISOString();
    const metadata = upload.metadata ?? {};
    try {
      await this.#note(upload.id, {
        size: upload.size ?? 0,
        metadata,
        createdAtMs,
        storedAs: null,
      });
      // Not synced, as its notes are not: whoever finds neither begins again.
      await writeFile(this.dataPath(upload.id), '', { flag: 'wx', mode: 0o600 });
    } catch (error) {
      await this.remove(upload.id);
      throw toTusError(this.#full(error));
    }
    return upload;
  }

  /** What came is kept also when the connection breaks in the middle: the sender goes on behind it. */
  override async write(
    body: Readable,
    id: string,
    offset: number,
    straight: StraightReads | null = null,
  ): Promise<number> {
    const upload = await this.#read(id);
    const file = await this.#openAt(id, offset);
    let isOver = false;
    try {
      await eachPiece(body, this.#taker(upload, file), straight);
    } catch (error) {
      const isHopeless = this.#failures.isHopeless(error);
      if (isFull(error) || isHopeless) {
        await file.abandon();
        if (isHopeless) await this.remove(id);
        throw toTusError(this.#full(error));
      }
      isOver = error === TOO_MUCH;
    }
    const { bytes } = file;
    try {
      const { size } = upload;
      const sha256 = await file.close(bytes === size ? 'digest' : 'no digest');
      if (sha256 !== null) this.#whole.set(id, sha256);
    } catch (error) {
      throw toTusError(this.#full(error));
    }
    if (isOver) throw TOO_MUCH;
    return bytes;
  }

  #taker(upload: Notes, file: IncomingFile): Taker {
    let lookAt = 0;
    const take = (piece: Buffer): Promise<void> | undefined => {
      // It only can be where the request did not say how long it is.
      if (file.bytes + piece.length > upload.size) throw TOO_MUCH;
      if (file.bytes < lookAt) return file.add(piece);
      lookAt = file.bytes + ROOM_LOOK_BYTES;
      return this.#requireRoom(upload).then(() => file.add(piece));
    };
    return { take, room: () => file.room() };
  }

  async #openAt(id: string, offset: number): Promise<IncomingFile> {
    try {
      return await IncomingFile.resume(this.dataPath(id), offset, this.#digests);
    } catch (error) {
      if (systemCodeOf(error) !== 'ENOENT') throw toTusError(error);
      throw toTusError(this.#failures.unknown(error));
    }
  }

  override async getUpload(id: string): Promise<Upload> {
    const { size, metadata, createdAtMs, storedAs } = await this.#read(id);
    const offset = storedAs === null ? (await stat(this.dataPath(id))).size : size;
    const creation_date = new Date(createdAtMs).toISOString();
    return new Upload({ id, size, offset, metadata, creation_date });
  }

  override async remove(id: string): Promise<void> {
    this.#whole.delete(id);
    await rm(this.dataPath(id), { force: true });
    await rm(this.#notePath(id), { force: true });
  }

  /** Of an upload that came whole. */
  async digest(id: string): Promise<string> {
    const known = this.#whole.get(id);
    this.#whole.delete(id);
    return known ?? (await this.#digests.ofFile(this.dataPath(id)));
  }

  /** The name under which the upload was stored, or null. Throws what `unknown` makes. */
  async storedAs(id: string): Promise<string | null> {
    return (await this.#read(id)).storedAs;
  }

  /** The answer to the last piece may be lost: the sender asks again and must hear that it is done. */
  async noteStored(id: string, name: string): Promise<void> {
    await this.#note(id, { ...(await this.#read(id)), storedAs: name });
  }

  #full(error: unknown): unknown {
    return isFull(error) ? this.#failures.diskFull(error) : error;
  }

  dataPath(id: string): string {
    return join(this.#directory, `${id}.data`);
  }

  #notePath(id: string): string {
    return join(this.#directory, `${id}.json`);
  }

  async #read(id: string): Promise<Notes> {
    if (!/^[0-9a-f]{32}$/.test(id)) throw toTusError(this.#failures.unknown());
    try {
      return notes.parse(JSON.parse(await readFile(this.#notePath(id), 'utf8')));
    } catch (error) {
      throw toTusError(this.#failures.unknown(error));
    }
  }

  async #note(id: string, what: Notes): Promise<void> {
    const draft = join(this.#directory, `${randomUUID()}.draft`);
    await writeFile(draft, JSON.stringify(what), { mode: 0o600 });
    await rename(draft, this.#notePath(id));
  }
}

/** An upload of which not all has come. */
export interface Coming {
  readonly metadata: Readonly<Record<string, string | null>>;
  readonly bytes: number;
  readonly receivedBytes: number;
  /** When something came last. */
  readonly heardAtMs: number;
}

/** What is under way in the directory of an `Unfinished`; uploads that end meanwhile are left out. */
export async function* coming(directory: string): AsyncGenerator<Coming> {
  for (const name of await readdir(directory)) {
    if (!/^[0-9a-f]{32}\.json$/.test(name)) continue;
    try {
      const noted = notes.parse(JSON.parse(await readFile(join(directory, name), 'utf8')));
      if (noted.storedAs !== null) continue;
      const data = await stat(join(directory, name.replace('.json', '.data')));
      const { metadata, size: bytes } = noted;
      yield { metadata, bytes, receivedBytes: data.size, heardAtMs: Math.round(data.mtimeMs) };
    } catch (error) {
      if (systemCodeOf(error) !== 'ENOENT') throw error;
    }
  }
}

/** The disk, or what the account may have of it. */
export function isFull(error: unknown): boolean {
  const code = systemCodeOf(error);
  return code === 'ENOSPC' || code === 'EDQUOT';
}
