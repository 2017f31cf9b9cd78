import type { ResultSource } from '#model';
import type { CollectRow, Sink } from './collect.ts';
import type { OutputFiles, PartialFile } from './partial-file.ts';
import type { StoredRecord } from './segment-reader.ts';
import { writeSqlite } from './sqlite-table.ts';
import { type Cell, ColumnTyper, cellsOf, csvLine } from './table-cells.ts';
import { readSpool, spoolRow } from './table-spool.ts';

type Format = 'csv' | 'sqlite' | 'parquet';

/** A column's name and how to read its cells. */
export interface TypedColumn {
  readonly name: string;
  readonly type: ColumnTyper['type'];
}

export type RowBatches = AsyncIterable<readonly (readonly Cell[])[]>;

/**
 * Parameter columns joined with single-line results: `results.csv`, `results.sqlite`,
 * `results.parquet`. The typed formats are written in a second pass over rows kept aside, because
 * a column's type is known only after its last cell.
 */
export class TableSink implements Sink {
  readonly #columns: readonly string[];
  readonly #sources: readonly ResultSource[];
  readonly #csv: PartialFile | null;
  readonly #sqlite: PartialFile | null;
  readonly #parquet: PartialFile | null;
  readonly #spool: PartialFile | null;
  readonly #typers: readonly ColumnTyper[];

  private constructor(
    columns: readonly string[],
    sources: readonly ResultSource[],
    files: Readonly<Record<Format | 'spool', PartialFile | null>>,
  ) {
    this.#columns = columns;
    this.#sources = sources;
    this.#csv = files.csv;
    this.#sqlite = files.sqlite;
    this.#parquet = files.parquet;
    this.#spool = files.spool;
    this.#typers = [...columns, ...sources].map(() => new ColumnTyper());
  }

  static async open(
    files: OutputFiles,
    sources: readonly ResultSource[],
    columns: readonly string[],
    formats: readonly Format[],
  ): Promise<TableSink> {
    const has = (format: Format) => formats.includes(format);
    const csv = has('csv') ? await files.create('results.csv') : null;
    const sqlite = has('sqlite') ? await files.create('results.sqlite') : null;
    const parquet = has('parquet') ? await files.create('results.parquet') : null;
    // Not one of the output files: it is never published.
    const spool = sqlite || parquet ? await files.createAside('results.rows') : null;
    const sink = new TableSink(columns, sources, { csv, sqlite, parquet, spool });
    await csv?.add(csvLine(sink.#names()));
    return sink;
  }

  #names(): string[] {
    return [...this.#columns, ...this.#sources.map(({ name }) => name)];
  }

  add(row: CollectRow, record: StoredRecord): Promise<void> | undefined {
    const cells = cellsOf(row, record, this.#columns, this.#sources);
    const written = this.#csv?.add(csvLine(cells));
    if (!this.#spool) return written;
    for (const [index, typer] of this.#typers.entries()) typer.look(cells[index] ?? null);
    const kept = this.#spool.add(spoolRow(cells));
    return written || kept ? Promise.all([written, kept]).then(() => undefined) : undefined;
  }

  async finish(): Promise<void> {
    const names = this.#names();
    const columns = names.map((name, index) => ({ name, type: this.#typers[index]!.type }));
    const rows = () => readSpool(this.#spool!, columns.length);
    if (this.#sqlite) await writeSqlite(this.#sqlite, columns, rows());
    if (this.#parquet) {
      // Its library is loaded by those who ask for it: every start would wait 25 ms for it.
      const { writeParquet } = await import('./parquet-table.ts');
      await writeParquet(this.#parquet, columns, rows());
    }
  }

  async close(): Promise<void> {
    await this.#spool?.discard();
  }
}
