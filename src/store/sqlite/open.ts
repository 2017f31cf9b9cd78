import { accessSync, constants, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { makeDirectories, messageOf, systemCodeOf, systemReasonOf, WindrowError } from '#base';
import { storeErrors } from '../errors.ts';

const MIGRATIONS = fileURLToPath(new URL('./migrations', import.meta.url));

// Primary result codes of SQLite, https://sqlite.org/rescode.html
const SQLITE_BUSY = 5;
const SQLITE_READONLY = 8;
const SQLITE_IOERR = 10;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_CANTOPEN = 14;
const SQLITE_NOTADB = 26;

/** SQLite's primary result code of an error, or undefined. */
export function sqliteCodeOf(error: unknown): number | undefined {
  const code = (error as { errcode?: unknown } | null)?.errcode;
  return typeof code === 'number' ? code & 0xff : undefined;
}

/** Turns SQLite's error about `file` into one that says what to do. */
export function explain(error: unknown, file: string): unknown {
  if (error instanceof WindrowError) return error;
  const why = messageOf(error);
  switch (sqliteCodeOf(error)) {
    case SQLITE_BUSY:
      return storeErrors.create(
        'STATE_IN_USE',
        { directory: dirname(file), holder: '' },
        { cause: error },
      );
    case SQLITE_FULL:
      return storeErrors.create('STATE_DISK_FULL', { file }, { cause: error });
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return storeErrors.create('STATE_CORRUPT', { file, why }, { cause: error });
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
      return storeErrors.create(
        'STATE_UNWRITABLE',
        { directory: dirname(file), why },
        { cause: error },
      );
    default:
      return error;
  }
}

/** The write-ahead log beside a database. */
export function logFileOf(file: string): string {
  return `${file}-wal`;
}

function migrationsKnown(folder: string): { version: number; file: string }[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.sql'))
    .map((file) => ({ version: Number.parseInt(file, 10), file: join(folder, file) }))
    .sort((a, b) => a.version - b.version);
}

function migrate(database: DatabaseSync, directory: string, folder: string): void {
  const { user_version: found } = database.prepare('PRAGMA user_version').get() as {
    user_version: number;
  };
  const migrations = migrationsKnown(folder);
  const known = migrations.at(-1)?.version ?? 0;
  if (found > known) throw storeErrors.create('STATE_NEWER', { directory, found, known });
  if (found === known) return;
  // In one transaction, which is synced once: each takes milliseconds, and no format in between is of use.
  database.exec('BEGIN IMMEDIATE');
  for (const { version, file } of migrations) {
    if (version > found) database.exec(readFileSync(file, 'utf8'));
  }
  database.exec(`PRAGMA user_version = ${known}`);
  database.exec('COMMIT');
}

/**
 * Opens (or makes) the database for this process alone: the exclusive lock is the operating
 * system's, so it ends with the process and a second server on the same directory is refused.
 * @param migrations folder of the formats that the database has gone through
 * @throws WindrowError STATE_IN_USE, STATE_NEWER, STATE_CORRUPT, STATE_UNWRITABLE
 */
export function openDatabase(file: string, migrations = MIGRATIONS): DatabaseSync {
  const directory = dirname(file);
  let database: DatabaseSync | undefined;
  try {
    makeDirectories(directory, 0o700);
    accessSync(directory, constants.W_OK);
    database = new DatabaseSync(file, { timeout: 200 });
    // Exclusive before the journal mode: then the WAL needs no shared memory (also right on NFS).
    database.exec('PRAGMA locking_mode = EXCLUSIVE');
    database.exec('PRAGMA journal_mode = WAL');
    database.exec('PRAGMA synchronous = FULL'); // while the schema changes
    database.exec('PRAGMA cache_size = -32768');
    database.exec('PRAGMA wal_autocheckpoint = 4000');
    database.exec('BEGIN EXCLUSIVE; COMMIT');
    migrate(database, directory, migrations);
    database.exec('PRAGMA synchronous = NORMAL');
    return database;
  } catch (error) {
    database?.close();
    const system = systemCodeOf(error);
    if (system?.startsWith('E') && !system.startsWith('ERR_')) {
      throw storeErrors.create('STATE_UNWRITABLE', { directory, why: systemReasonOf(error) });
    }
    throw explain(error, file);
  }
}
