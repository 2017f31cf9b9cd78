import { closeSync, fstatSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TaskIndex, Ticket } from '#model';
import { blockHeader } from './blocks.ts';
import { writeTaskFolder } from './files-sink.ts';
import { outputError } from './partial-file.ts';
import type { StoredRecord } from './segment-reader.ts';

export interface QuarantineEntry {
  readonly task: TaskIndex;
  readonly ticket: Ticket;
  readonly parameters: Readonly<Record<string, string>>;
  readonly reason: string;
  readonly record: StoredRecord;
}

/**
 * Results that did not pass the validator, kept for people in `<output>/quarantine/`: all of a job
 * in `results.blocks`, with one JSON line each in `reasons.jsonl`; or a folder for each attempt,
 * `<task>-<ticket>/`. Copies of what the segment files keep, so they are not synced.
 */
export class Quarantine {
  readonly #directory: string;
  readonly #keep: 'packed' | 'files';
  #queue: Promise<void> = Promise.resolve();

  constructor(output: string, keep: 'packed' | 'files') {
    this.#directory = join(output, 'quarantine');
    this.#keep = keep;
  }

  /** Appends one attempt; entries follow each other in the order of the calls. Error: `COLLECT_…`. */
  add(entry: QuarantineEntry): Promise<void> {
    const added = this.#queue.then(() => this.#add(entry));
    this.#queue = added.catch(() => undefined);
    return added;
  }

  async #add(entry: QuarantineEntry): Promise<void> {
    const { task, ticket, parameters, reason, record } = entry;
    try {
      await mkdir(this.#directory, { recursive: true });
      if (this.#keep === 'files') {
        const name = `${task}-${ticket}`;
        await writeTaskFolder(this.#directory, name, String(ticket), record);
        await writeFile(join(this.#directory, `${name}.reason`), `${reason}\n`);
        return;
      }
      // The reason last: whoever reads it finds the blocks complete.
      appendWhole(join(this.#directory, 'results.blocks'), blocksOf(entry));
      const line = JSON.stringify({ task, ticket, reason, parameters });
      appendWhole(join(this.#directory, 'reasons.jsonl'), [Buffer.from(`${line}\n`)]);
    } catch (error) {
      throw outputError(this.#directory, error);
    }
  }
}

function* blocksOf({ task, ticket, parameters, record }: QuarantineEntry): Generator<Buffer> {
  for (const part of record.parts) {
    if (part.kind !== 'result') continue;
    const { name, file, bytes } = part;
    yield Buffer.from(blockHeader({ ticket, task, parameters, file, name }, bytes));
    yield* part.pieces();
    yield Buffer.from('\n');
  }
}

/** Appends all pieces, or cuts the file back to what it was. */
function appendWhole(path: string, pieces: Iterable<Buffer>): void {
  const fd = openSync(path, 'a', 0o666);
  const { size } = fstatSync(fd);
  try {
    for (const piece of pieces) {
      let done = 0;
      while (done < piece.length) done += writeSync(fd, piece, done);
    }
  } catch (error) {
    ftruncateSync(fd, size);
    throw error;
  } finally {
    closeSync(fd);
  }
}
