import type { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import {
  PAST_MESSAGE_MOST,
  type RememberedTraps,
  type Silence,
  type TrapChange,
  type TrapPlace,
  type TrapRecord,
} from '#model';
import { explain, openDatabase } from './open.ts';
import { type Ask, prepareQuestions } from './questions.ts';

const MIGRATIONS = fileURLToPath(new URL('./trap-migrations', import.meta.url));
const QUESTIONS = fileURLToPath(new URL('./trap-questions', import.meta.url));

/** So many are enough to know again what comes twice. */
const IDS_MOST = 65_536;

/** As the column `kept` has them. */
const PLACES: Readonly<Record<TrapPlace, number>> = { past: 0, kept: 1, waiting: 2 };

/**
 * What a trap collector remembers, in one SQLite file: the traps that monitors can have, and the
 * latest `most` of all. A write is on disk when it resolves.
 */
export class SqliteTrapHistory {
  readonly #file: string;
  readonly #most: number;
  readonly #database: DatabaseSync;
  readonly #ask: Ask;

  /** @throws WindrowError STATE_IN_USE, STATE_NEWER, STATE_CORRUPT, STATE_UNWRITABLE */
  constructor(file: string, most: number) {
    this.#file = file;
    this.#most = most;
    this.#database = openDatabase(file, MIGRATIONS);
    // Written seldom and in groups: SQLite may sync by itself.
    this.#database.exec('PRAGMA synchronous = FULL');
    this.#ask = prepareQuestions(this.#database, QUESTIONS);
  }

  async remembered(): Promise<RememberedTraps> {
    const all = (question: string, ...parameters: number[]) =>
      this.#ask(question).all(...parameters) as Record<string, string | number>[];
    const traps = all('kept').map(({ json }): TrapRecord => JSON.parse(String(json)));
    return {
      // One whose silence ended was told again, later than it was told first.
      traps: traps.sort((a, b) => a.mark - b.mark),
      waiting: all('waiting').map(({ json }): TrapRecord => JSON.parse(String(json))),
      ids: all('ids', IDS_MOST).map(({ id }) => String(id)),
      silences: all('silences').map(({ json }): Silence => JSON.parse(String(json))),
      mark: Number(all('mark')[0]!.value),
      cursors: new Map(all('cursors').map(({ name, text }) => [String(name), String(text)])),
    };
  }

  async write(changes: readonly TrapChange[]): Promise<void> {
    try {
      this.#database.exec('BEGIN IMMEDIATE');
      for (const change of changes) this.#apply(change);
      this.#ask('forget-old').run(this.#most);
      this.#database.exec('COMMIT');
    } catch (error) {
      // A full disk may have rolled it back already.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw explain(error, this.#file);
    }
  }

  async latest(most: number): Promise<TrapRecord[]> {
    const rows = this.#ask('latest').all(most) as { json: string }[];
    return rows.map(({ json }) => JSON.parse(json));
  }

  async close(): Promise<void> {
    this.#database.close();
  }

  #apply(change: TrapChange): void {
    switch (change.kind) {
      case 'trap': {
        const { trap, place } = change;
        const isPast = place === 'past';
        const message = isPast ? trap.message.slice(0, PAST_MESSAGE_MOST) : trap.message;
        this.#ask('set-trap').run(trap.id, PLACES[place], JSON.stringify({ ...trap, message }));
        return;
      }
      case 'silence':
        this.#ask('set-silence').run(change.silence.id, JSON.stringify(change.silence));
        return;
      case 'silence-ended':
        this.#ask('end-silence').run(change.id);
        return;
      case 'mark':
        this.#ask('set-mark').run(change.mark);
        return;
      case 'cursor':
        this.#ask('set-cursor').run(change.name, change.text);
        return;
    }
  }
}
