/**
 * A task and the configuration as the open protocol writes them: text lines, with the exact
 * length before every content, so that content may be anything.
 */
import type { Ticket } from '#model';
import { wireErrors } from '../errors.ts';
import { BEGIN_LINE, END_LINE } from './frame-reader.ts';

/** A task as a client of the open protocol sees it. */
export interface OpenTask {
  readonly ticket: Ticket;
  /** 0: none. */
  readonly timeoutS: number;
  /** One line for `sh -c`. */
  readonly commandLine: string;
  readonly inputs: readonly OpenInput[];
  readonly results: readonly OpenResult[];
}

export interface OpenInput {
  /** Relative path inside the attempt's directory. */
  readonly file: string;
  readonly bytes: number;
  /** The bytes, or how to stream them. */
  readonly content: Buffer | (() => AsyncIterable<Buffer>);
}

export interface OpenResult {
  readonly name: string;
  /** `stdout`, `stderr`, a relative path, or a pattern of `sh` with `*`, `?` or `[`. */
  readonly file: string;
}

export interface OpenConfig {
  readonly deleteWorker: boolean;
  readonly deleteClient: boolean;
  /** Seconds between two pings; 0: none wanted. */
  readonly pingS: number;
  /** The program's build for the platform asked about; null when none was asked or there is none. */
  readonly worker: { readonly name: string; readonly md5: string } | null;
}

/** The answer to `/config`. */
export function formatConfig(config: OpenConfig): string {
  const lines = [
    `DeleteWorker=${config.deleteWorker ? 'Yes' : 'No'}`,
    `DeleteClient=${config.deleteClient ? 'Yes' : 'No'}`,
    `Ping=${config.pingS}`,
  ];
  if (config.worker) lines.push(`Worker=${config.worker.name}`, `MD5=${config.worker.md5}`);
  return `${lines.join('\n')}\n`;
}

/** Length in bytes of what `formatTask` yields, for Content-Length. */
export function taskTextBytes(task: OpenTask): number {
  const inputs = task.inputs.map((input) => inputHead(input).length + input.bytes + TAIL.length);
  return head(task).length + inputs.reduce((sum, bytes) => sum + bytes, 0) + results(task).length;
}

/**
 * The answer to `/task`, in pieces. Throws `OPEN_UNSPEAKABLE` before the first of them, or
 * `OPEN_INPUT_CHANGED` when an input turns out to have another length than announced.
 */
export async function* formatTask(task: OpenTask): AsyncGenerator<Buffer, void> {
  refuseUnspeakable(task);
  yield head(task);
  for (const input of task.inputs) {
    yield inputHead(input);
    yield* inputContent(task.ticket, input);
    yield TAIL;
  }
  yield results(task);
}

const TAIL = Buffer.from(`\n${END_LINE}\n`);

function head(task: OpenTask): Buffer {
  const { ticket, timeoutS, commandLine } = task;
  return Buffer.from(`Ticket=${ticket}\nTimeout=${timeoutS}\nCommandLine=${commandLine}\n`);
}

function inputHead(input: OpenInput): Buffer {
  return Buffer.from(`[Input]\nFile=${input.file}\nLength=${input.bytes}\n${BEGIN_LINE}\n`);
}

function results(task: OpenTask): Buffer {
  const sections = task.results.map(({ name, file }) => `[Result]\nName=${name}\nFile=${file}\n`);
  return Buffer.from(sections.join(''));
}

async function* inputContent(ticket: Ticket, input: OpenInput): AsyncGenerator<Buffer, void> {
  const source = Buffer.isBuffer(input.content) ? [input.content] : input.content();
  let found = 0;
  const wrong = () => {
    const facts = { ticket, file: input.file, expected: input.bytes, found };
    return wireErrors.create('OPEN_INPUT_CHANGED', facts);
  };
  for await (const chunk of source) {
    found += chunk.length;
    if (found > input.bytes) throw wrong();
    if (chunk.length > 0) yield chunk;
  }
  if (found !== input.bytes) throw wrong();
}

/** Throws `OPEN_UNSPEAKABLE` when something of the task would break its line. */
export function refuseUnspeakable(task: OpenTask): void {
  const fields: [what: string, value: string][] = [
    ['the command', task.commandLine],
    ...task.inputs.map((input): [string, string] => ['the name of an input', input.file]),
    ...task.results.flatMap((result): [string, string][] => [
      ['the name of a result', result.name],
      ['the file of a result', result.file],
    ]),
  ];
  for (const [what, value] of fields) {
    const found = unspeakable(value);
    if (found) throw wireErrors.create('OPEN_UNSPEAKABLE', { ticket: task.ticket, what, found });
  }
}

function unspeakable(value: string): string | undefined {
  if (/[\r\n]/.test(value)) return 'a line break';
  if (value.includes('\0')) return 'a NUL byte';
  return value.isWellFormed() ? undefined : 'half a character';
}
