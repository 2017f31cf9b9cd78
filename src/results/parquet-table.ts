import { fileWriter, ParquetWriter } from 'hyparquet-writer';
import { outputError, type PartialFile } from './partial-file.ts';
import { type Cell, type ColumnType, typedValue } from './table-cells.ts';
import type { RowBatches, TypedColumn } from './table-sink.ts';

/**
 * A row group is held in memory and encoded at one go, about 50 ms for so many rows: bounded by
 * rows and by the length of its cells.
 */
const GROUP_ROWS = 20_000;
const GROUP_CHARACTERS = 4 * 2 ** 20;

const ELEMENTS = {
  integer: { type: 'INT64' },
  real: { type: 'DOUBLE' },
  text: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
} as const;

/** Writes the rows as Parquet, row group by row group. */
export async function writeParquet(
  file: PartialFile,
  columns: readonly TypedColumn[],
  batches: RowBatches,
): Promise<void> {
  try {
    const group = new RowGroup(file.partialPath, columns);
    for await (const rows of batches) {
      for (const cells of rows) group.add(cells);
    }
    group.finish();
  } catch (error) {
    throw outputError(file.path, error);
  }
}

class RowGroup {
  readonly #writer: ParquetWriter;
  readonly #columns: readonly TypedColumn[];
  #data: ReturnType<typeof typedValue>[][];
  #rows = 0;
  #characters = 0;

  constructor(path: string, columns: readonly TypedColumn[]) {
    const leaves = columns.map(({ name, type }) => leaf(name, type));
    const schema = [{ name: 'root', num_children: columns.length }, ...leaves];
    this.#writer = new ParquetWriter({ writer: fileWriter(path), schema, createdBy: 'windrow' });
    this.#columns = columns;
    this.#data = columns.map(() => []);
  }

  add(cells: readonly Cell[]): void {
    for (const [index, { type }] of this.#columns.entries()) {
      const cell = cells[index] ?? null;
      this.#data[index]!.push(typedValue(cell, type));
      this.#characters += cell?.length ?? 0;
    }
    this.#rows++;
    if (this.#rows >= GROUP_ROWS || this.#characters >= GROUP_CHARACTERS) this.#write();
  }

  #write(): void {
    const columnData = this.#columns.map(({ name }, index) => ({ name, data: this.#data[index]! }));
    if (this.#rows > 0) void this.#writer.write({ columnData, rowGroupSize: this.#rows });
    this.#data = this.#columns.map(() => []);
    this.#rows = 0;
    this.#characters = 0;
  }

  finish(): void {
    this.#write();
    void this.#writer.finish();
  }
}

function leaf(name: string, type: ColumnType) {
  return { name, repetition_type: 'OPTIONAL' as const, ...ELEMENTS[type] };
}
