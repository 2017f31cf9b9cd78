/** Parameter tables: checked and indexed in one pass while they stream in, then kept as files. */
import { existsSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { decodeIndex, encodeIndex, type TableFormat, TableReader, TableScanner } from '#sweep';
import type { Core } from '../core.ts';
import { serverErrors } from '../errors.ts';
import type { Layout } from '../layout.ts';
import { partialName, receiveFile, storageError } from './streams.ts';

/** Ten million wide rows; more is split by its owner. */
const TABLE_BYTES = 64 * 2 ** 30;

export interface KeptTable {
  readonly id: string;
  readonly rows: number;
  readonly columns: readonly string[];
  readonly bytes: number;
}

export class Tables {
  readonly #core: Core;
  readonly #layout: Layout;
  readonly #open = new Map<string, TableReader>();

  constructor(core: Core, layout: Layout) {
    this.#core = core;
    this.#layout = layout;
  }

  /**
   * Takes a table named `file`; one that is here already is not kept twice.
   * @throws WindrowError the table's own faults with file and line; UPLOAD_CUT, DISK_FULL
   */
  async receive(body: Readable, format: TableFormat, file: string): Promise<KeptTable> {
    const scanner = new TableScanner({ format, file });
    const partial = this.#layout.table(partialName());
    let kept: KeptTable | undefined;
    const onChunk = (chunk: Buffer): void => scanner.push(chunk);
    await receiveFile(body, partial, { limitBytes: TABLE_BYTES, onChunk, sync: true }, () => {
      const index = scanner.end();
      const id = `${index.sha256}-${format}`;
      kept = { id, rows: index.rows, columns: index.columns, bytes: index.bytes };
      this.#writeIndex(id, encodeIndex(index));
      return this.#layout.table(id);
    });
    const { id, rows, columns } = kept!;
    const addedAtMs = this.#core.clock.now();
    this.#core.commit.add({
      kind: 'table-added',
      table: { id, format, file, rows, columns, addedAtMs },
    });
    await this.#core.commit.durable();
    return kept!;
  }

  #writeIndex(id: string, bytes: Buffer): void {
    try {
      writeFileSync(this.#layout.tableIndex(id), bytes, { mode: 0o600, flush: true });
    } catch (error) {
      throw storageError(error, this.#layout.tableIndex(id));
    }
  }

  /** A table by its id, open until `close`. @throws WindrowError TABLE_UNKNOWN */
  reader(id: string): TableReader {
    const open = this.#open.get(id);
    if (open) return open;
    const known = /^[0-9a-f]{64}-[a-z]+$/.test(id) && existsSync(this.#layout.tableIndex(id));
    if (!known || !statSync(this.#layout.table(id), { throwIfNoEntry: false })) {
      throw serverErrors.create('TABLE_UNKNOWN', { table: id });
    }
    // Asked for: it stays for an hour at least, until a job needs it.
    const now = new Date();
    for (const path of [this.#layout.table(id), this.#layout.tableIndex(id)]) {
      utimesSync(path, now, now);
    }
    const index = decodeIndex(readFileSync(this.#layout.tableIndex(id)));
    const reader = TableReader.open(this.#layout.table(id), index);
    this.#open.set(id, reader);
    return reader;
  }

  /** Its file is deleted. */
  forget(id: string): void {
    this.#open.get(id)?.close();
    this.#open.delete(id);
  }

  close(): void {
    for (const reader of this.#open.values()) reader.close();
    this.#open.clear();
  }
}
