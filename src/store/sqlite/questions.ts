/** The questions asked of SQLite, one per file in a folder, prepared once and named for the file. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('./questions', import.meta.url));

export type Ask = (name: string) => StatementSync;

export function prepareQuestions(database: DatabaseSync, folder = FOLDER): Ask {
  const prepared = new Map<string, StatementSync>();
  for (const file of readdirSync(folder)) {
    if (!file.endsWith('.sql')) continue;
    const sql = readFileSync(join(folder, file), 'utf8');
    prepared.set(file.slice(0, -'.sql'.length), database.prepare(sql));
  }
  return (name) => {
    const statement = prepared.get(name);
    if (!statement) throw new Error(`no question named ${name}`);
    return statement;
  };
}
