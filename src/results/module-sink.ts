import type { ResultSource, UserCode } from '#model';
import { parametersOf } from './blocks.ts';
import type { CollectRow, Sink } from './collect.ts';
import { resultsErrors } from './errors.ts';
import { type HandedResults, handResults } from './handed-results.ts';
import type { OutputFiles, PartialFile } from './partial-file.ts';
import type { UserCodePorts } from './port.ts';
import { globNames } from './result-files.ts';
import type { StoredRecord } from './segment-reader.ts';
import { requireUserCode } from './user-code.ts';
import { type CallResult, UserCodeProcess } from './user-code-process.ts';

/** Rows that are on their way to the module at the same time; it works on one after the other. */
const MOST_AHEAD = 64;
const MOST_AHEAD_BYTES = 4 * 2 ** 20;

export interface ModuleSinkRequest {
  readonly code: UserCode;
  readonly sources: readonly ResultSource[];
  readonly columns: readonly string[];
  readonly ports: UserCodePorts;
  /** Limit of one call. */
  readonly timeoutMs: number;
  readonly memoryBytes: number;
}

interface Asked {
  readonly where: string;
  readonly bytes: number;
  readonly answer: Promise<CallResult>;
  readonly handed: HandedResults | null;
}

/** Gives each row to a user's module, in order, and joins what it returns in the file `collected`. */
export class ModuleSink implements Sink {
  readonly #path: string;
  readonly #request: ModuleSinkRequest;
  readonly #globs: ReadonlySet<string>;
  readonly #file: PartialFile;
  readonly #process: UserCodeProcess;
  readonly #ahead: Asked[] = [];
  #aheadBytes = 0;

  private constructor(path: string, request: ModuleSinkRequest, file: PartialFile) {
    this.#path = path;
    this.#request = request;
    this.#globs = globNames(request.sources);
    this.#file = file;
    const { timeoutMs, memoryBytes, ports } = request;
    const processRequest = { mode: 'collect', module: path, timeoutMs, memoryBytes } as const;
    this.#process = new UserCodeProcess(processRequest, ports);
  }

  /** Errors: `CODE_UNSUPPORTED`, `CODE_UNREADABLE`, `CODE_CHANGED`. */
  static async open(files: OutputFiles, request: ModuleSinkRequest): Promise<ModuleSink> {
    const { path } = await requireUserCode('collector', request.code, ['module']);
    const sink = new ModuleSink(path, request, await files.create('collected'));
    const answer = sink.#process.call({ call: 'begin' });
    sink.#ask({ where: 'begin', bytes: 0, answer, handed: null });
    return sink;
  }

  async add(row: CollectRow, record: StoredRecord): Promise<void> {
    const { columns, ports } = this.#request;
    const handed = await handResults(record, this.#globs, ports.temporaryDirectory);
    const parameters = parametersOf(columns, row.cells);
    const answer = this.#process.call({ call: 'default', parameters, results: handed.results });
    const where = `task ${row.task} (ticket ${row.ticket})`;
    const bytes = row.cells.reduce((sum, cell) => sum + cell.length, handed.inlineBytes);
    this.#ask({ where, bytes, answer, handed });
    while (this.#ahead.length > MOST_AHEAD || this.#aheadBytes > MOST_AHEAD_BYTES)
      await this.#take();
  }

  #ask(asked: Asked): void {
    this.#ahead.push(asked);
    this.#aheadBytes += asked.bytes;
  }

  async #take(): Promise<void> {
    const asked = this.#ahead.shift()!;
    this.#aheadBytes -= asked.bytes;
    const result = await asked.answer;
    await asked.handed?.release();
    if (result.kind === 'output') {
      await this.#file.add(result.bytes);
      return;
    }
    const reason = result.kind === 'verdict' ? 'it answered like a validator' : result.reason;
    const { where } = asked;
    throw resultsErrors.create('COLLECT_CODE_FAILED', { file: this.#path, where, reason });
  }

  async finish(): Promise<void> {
    const answer = this.#process.call({ call: 'end' });
    this.#ask({ where: 'end', bytes: 0, answer, handed: null });
    while (this.#ahead.length > 0) await this.#take();
  }

  async close(): Promise<void> {
    await this.#process.close();
    await Promise.all(this.#ahead.splice(0).map(({ handed }) => handed?.release()));
  }
}
