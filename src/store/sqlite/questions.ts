/**
 * The questions asked of SQLite, one per file in a folder and named for it. All are read at once, since
 * the files may be replaced while the process runs; each is prepared when it is asked first.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('./questions', import.meta.url));

/** @param rows how often the row of values is repeated with which its text ends */
export type Ask = (name: string, rows?: number) => StatementSync;

export function prepareQuestions(database: DatabaseSync, folder = FOLDER): Ask {
  const texts = new Map<string, string>();
  for (const file of readdirSync(folder)) {
    if (!file.endsWith('.sql')) continue;
    texts.set(file.slice(0, -'.sql'.length), readFileSync(join(folder, file), 'utf8'));
  }
  const prepared = new Map<string, StatementSync>();
  return (name, rows = 1) => {
    const key = rows === 1 ? name : `${name} ${rows}`;
    const known = prepared.get(key);
    if (known) return known;
    const text = texts.get(name);
    if (text === undefined) throw new Error(`no question named ${name}`);
    const statement = database.prepare(rows === 1 ? text : forRows(text, rows));
    prepared.set(key, statement);
    return statement;
  };
}

/** An INSERT of one row as one of several. */
function forRows(text: string, rows: number): string {
  const at = text.lastIndexOf('VALUES (') + 'VALUES '.length;
  return `${text.slice(0, at)}${Array(rows).fill(text.slice(at)).join(', ')}`;
}
