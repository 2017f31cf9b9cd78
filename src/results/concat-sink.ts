import type { ResultSource } from '#model';
import type { CollectRow, Sink } from './collect.ts';
import type { OutputFiles, PartialFile } from './partial-file.ts';
import type { StoredPart, StoredRecord } from './segment-reader.ts';

/** Contents up to this are added at once; longer ones piece by piece. */
export const AT_ONCE_BYTES = 2 ** 20;

/** Joins each result's contents byte for byte into one file of the result's name. */
export class ConcatSink implements Sink {
  readonly #files: ReadonlyMap<string, PartialFile>;

  private constructor(files: ReadonlyMap<string, PartialFile>) {
    this.#files = files;
  }

  static async open(files: OutputFiles, sources: readonly ResultSource[]): Promise<ConcatSink> {
    const made = new Map<string, PartialFile>();
    for (const { name } of sources) made.set(name, await files.create(name));
    return new ConcatSink(made);
  }

  add(_row: CollectRow, record: StoredRecord): Promise<void> | undefined {
    let waiting: Promise<void> | undefined;
    for (const part of record.parts) {
      const file = part.kind === 'result' ? this.#files.get(part.name) : undefined;
      if (!file) continue;
      waiting = waiting ? waiting.then(() => addPart(file, part)) : addPart(file, part);
    }
    return waiting;
  }

  async finish(): Promise<void> {}
  async close(): Promise<void> {}
}

/** Appends a part's content; the promise, where there is one, must be awaited. */
export function addPart(file: PartialFile, part: StoredPart): Promise<void> | undefined {
  if (part.bytes <= AT_ONCE_BYTES) return file.add(part.read(AT_ONCE_BYTES));
  return addPieces(file, part);
}

async function addPieces(file: PartialFile, part: StoredPart): Promise<void> {
  for (const piece of part.pieces()) await file.add(piece);
}
