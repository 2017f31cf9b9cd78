/**
 * The questions asked of SQLite, one per file in a folder and named for it. All are read at once, since
 * the files may be replaced while the process runs; each is prepared when it is asked first.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('./questions', import.meta.url));

export type Ask = (name: string) => StatementSync;

export function prepareQuestions(database: DatabaseSync, folder = FOLDER): Ask {
  const texts = new Map<string, string>();
  for (const file of readdirSync(folder)) {
    if (!file.endsWith('.sql')) continue;
    texts.set(file.slice(0, -'.sql'.length), readFileSync(join(folder, file), 'utf8'));
  }
  const prepared = new Map<string, StatementSync>();
  return (name) => {
    const known = prepared.get(name);
    if (known) return known;
    const text = texts.get(name);
    if (text === undefined) throw new Error(`no question named ${name}`);
    const statement = database.prepare(text);
    prepared.set(name, statement);
    return statement;
  };
}
