/** The client's side of `/task`: the text of a task, with its inputs streamed into a sink. */
import type { Ticket } from '#model';
import { type Frame, FrameReader } from './frame-reader.ts';
import { type OpenLimits, TASK_LIMITS } from './limits.ts';
import type { PartSink } from './parts.ts';
import type { OpenResult } from './task-text.ts';

export interface ReadTask {
  readonly ticket: Ticket;
  readonly timeoutS: number;
  readonly commandLine: string;
  readonly results: readonly OpenResult[];
}

/** Throws `OPEN_MALFORMED` or `OPEN_TOO_LARGE`, or what the source or the sink throws. */
export async function readTask(
  source: AsyncIterable<Buffer>,
  inputs: PartSink,
  limits: OpenLimits = TASK_LIMITS,
): Promise<ReadTask> {
  const reader = new FrameReader(limits);
  const task = new TaskSections(reader, inputs);
  for await (const chunk of source) for (const frame of reader.push(chunk)) await task.on(frame);
  for (const frame of reader.end()) await task.on(frame);
  return task.finish();
}

/** A ticket as text, strictly: 1 to 16 digits, no sign, no leading zero; undefined if it is none. */
export function parseTicket(text: string): Ticket | undefined {
  const ticket = /^[1-9]\d{0,15}$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(ticket) ? ticket : undefined;
}

class TaskSections {
  readonly #reader: FrameReader;
  readonly #inputs: PartSink;
  readonly #head = new Map<string, string>();
  readonly #results: OpenResult[] = [];
  #section: { readonly name: string; readonly fields: Map<string, string> } | null = null;

  constructor(reader: FrameReader, inputs: PartSink) {
    this.#reader = reader;
    this.#inputs = inputs;
  }

  on(frame: Frame): Promise<void> | void {
    switch (frame.kind) {
      case 'section':
        this.#closeSection();
        this.#section = { name: frame.name, fields: new Map() };
        return;
      case 'field':
        (this.#section?.fields ?? this.#head).set(frame.key, frame.value);
        return;
      case 'begin':
        return this.#onBegin(frame.bytes);
      case 'content':
        return this.#inputs.write(frame.bytes);
      case 'end':
        this.#section = null;
        return this.#inputs.end();
    }
  }

  finish(): ReadTask {
    this.#closeSection();
    const ticket = parseTicket(this.#head.get('Ticket') ?? '');
    const timeout = this.#head.get('Timeout') ?? '0';
    const commandLine = this.#head.get('CommandLine');
    if (ticket === undefined) throw this.#reader.malformed('Ticket=<number>', 'none');
    if (!/^\d{1,9}$/.test(timeout)) throw this.#reader.malformed('Timeout=<seconds>', timeout);
    if (commandLine === undefined) throw this.#reader.malformed('CommandLine=', 'none');
    if (this.#results.length === 0) throw this.#reader.malformed('[Result]', 'none');
    return { ticket, timeoutS: Number(timeout), commandLine, results: this.#results };
  }

  #onBegin(bytes: number | null): Promise<void> | void {
    const section = this.#section;
    const file = section?.fields.get('File');
    if (section?.name !== 'Input') throw this.#reader.malformed('content in [Input]', 'it here');
    if (!file) throw this.#reader.malformed('File=', 'none');
    return this.#inputs.begin({ name: file, file, bytes });
  }

  #closeSection(): void {
    const section = this.#section;
    if (!section) return;
    if (section.name === 'Input') throw this.#reader.malformed('--begin content--', 'none');
    if (section.name !== 'Result') return;
    const name = section.fields.get('Name');
    const file = section.fields.get('File');
    if (!name || !file) throw this.#reader.malformed('Name= and File= in [Result]', 'not both');
    this.#results.push({ name, file });
  }
}
