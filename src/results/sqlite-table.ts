import { DatabaseSync } from 'node:sqlite';
import { outputError, type PartialFile } from './partial-file.ts';
import { typedValue } from './table-cells.ts';
import type { RowBatches, TypedColumn } from './table-sink.ts';

/** Writes the rows into the table `results` of a new database. */
export async function writeSqlite(
  file: PartialFile,
  columns: readonly TypedColumn[],
  batches: RowBatches,
): Promise<void> {
  let database: DatabaseSync | null = null;
  try {
    database = new DatabaseSync(file.partialPath);
    // The file is thrown away if this fails and synced before it gets its name: no journal needed.
    database.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF');
    const definitions = columns.map(({ name, type }) => `${quoted(name)} ${type.toUpperCase()}`);
    database.exec(`CREATE TABLE results (${definitions.join(', ')}) STRICT`);
    database.exec('BEGIN');
    const marks = columns.map(() => '?').join(', ');
    const insert = database.prepare(`INSERT INTO results VALUES (${marks})`);
    for await (const rows of batches) {
      for (const cells of rows) {
        insert.run(...cells.map((cell, index) => typedValue(cell, columns[index]!.type)));
      }
    }
    database.exec('COMMIT');
  } catch (error) {
    throw outputError(file.path, sqliteError(error));
  } finally {
    database?.close();
  }
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** SQLITE_FULL is what SQLite makes of ENOSPC. */
function sqliteError(error: unknown): unknown {
  const { errcode } = error as { errcode?: number };
  return errcode === 13 ? Object.assign(new Error('disk full'), { code: 'ENOSPC' }) : error;
}
