import type { ResultSource } from '#model';
import { blockHeader, parametersOf } from './blocks.ts';
import type { CollectRow, Sink } from './collect.ts';
import { addPart } from './concat-sink.ts';
import type { OutputFiles, PartialFile } from './partial-file.ts';
import type { StoredPart, StoredRecord } from './segment-reader.ts';

/** Writes each result as blocks into one file, `<result name>.blocks`. */
export class BlocksSink implements Sink {
  readonly #files: ReadonlyMap<string, PartialFile>;
  readonly #columns: readonly string[];

  private constructor(files: ReadonlyMap<string, PartialFile>, columns: readonly string[]) {
    this.#files = files;
    this.#columns = columns;
  }

  static async open(
    files: OutputFiles,
    sources: readonly ResultSource[],
    columns: readonly string[],
  ): Promise<BlocksSink> {
    const made = new Map<string, PartialFile>();
    for (const { name } of sources) made.set(name, await files.create(`${name}.blocks`));
    return new BlocksSink(made, columns);
  }

  add(row: CollectRow, record: StoredRecord): Promise<void> | undefined {
    let waiting: Promise<void> | undefined;
    const parameters = parametersOf(this.#columns, row.cells);
    for (const part of record.parts) {
      const file = part.kind === 'result' ? this.#files.get(part.name) : undefined;
      if (!file) continue;
      const { ticket, task } = row;
      const header = blockHeader({ ticket, task, parameters, file: part.file }, part.bytes);
      waiting = waiting
        ? waiting.then(() => addBlock(file, header, part))
        : addBlock(file, header, part);
    }
    return waiting;
  }

  async finish(): Promise<void> {}
  async close(): Promise<void> {}
}

/** Header, content, newline; the promise, where there is one, must be awaited. */
function addBlock(file: PartialFile, header: string, part: StoredPart): Promise<void> | undefined {
  const first = file.add(header);
  if (first) return first.then(() => addRest(file, part));
  const second = addPart(file, part);
  if (second) return second.then(() => file.add('\n'));
  return file.add('\n');
}

async function addRest(file: PartialFile, part: StoredPart): Promise<void> {
  await addPart(file, part);
  await file.add('\n');
}
