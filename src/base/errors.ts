/**
 * Errors are a table: a stable code, a message made from facts, and what to do next.
 * Each room has its own `errors.ts` made with `defineErrors`; the reference page
 * docs/reference/errors.md is printed from those tables and checked for drift.
 */
import { getSystemErrorMessage } from 'node:util';

/** Facts an error is about, e.g. `{ file: 'grid.csv', line: 17 }`. Also sent as JSON. */
export type Facts = Record<string, string | number | boolean | null | undefined>;

export interface ErrorEntry {
  /** Message with `{fact}` placeholders: what happened, where, what was expected. */
  readonly message: string;
  /** What the reader should do next; may use the same placeholders. */
  readonly todo: string;
  /** HTTP status when it crosses the API. */
  readonly status: number;
  /** Facts of a made-up occurrence, for the reference page. */
  readonly example: Facts;
}

/** The one error class that is shown to users: `code`, `message`, `todo`, never a stack. */
export class WindrowError extends Error {
  override readonly name = 'WindrowError';
  readonly code: string;
  readonly todo: string;
  readonly status: number;
  readonly facts: Facts;

  constructor(
    parts: { code: string; message: string; todo: string; status: number; facts: Facts },
    options?: { cause?: unknown },
  ) {
    super(parts.message, options);
    this.code = parts.code;
    this.todo = parts.todo;
    this.status = parts.status;
    this.facts = parts.facts;
  }
}

function fill(template: string, facts: Facts): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => String(facts[name] ?? '?'));
}

export interface ErrorTable<Code extends string> {
  readonly entries: Readonly<Record<Code, ErrorEntry>>;
  /** Makes (does not throw) the error `code` with its facts filled in. */
  create(code: Code, facts?: Facts, options?: { cause?: unknown }): WindrowError;
}

/** Defines a room's errors. Codes are `SUBJECT_FAULT`, upper case, stable for ever. */
export function defineErrors<Code extends string>(
  entries: Record<Code, ErrorEntry>,
): ErrorTable<Code> {
  return {
    entries,
    create(code, facts = {}, options) {
      const entry = entries[code];
      const message = fill(entry.message, facts);
      const todo = fill(entry.todo, facts);
      return new WindrowError({ code, message, todo, status: entry.status, facts }, options);
    },
  };
}

/** The message of anything thrown, on one line, for logs and reasons. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/\s*\n\s*/g, ' ').trim();
}

/** The `code` of a Node.js system error (`ENOSPC`, `EADDRINUSE` …), if it is one. */
export function systemCodeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** Why a system call failed, in words: `no such file or directory`; else the code or the message. */
export function systemReasonOf(error: unknown): string {
  const { errno } = (error ?? {}) as { errno?: unknown };
  if (systemCodeOf(error) === 'EISDIR') return 'it is a directory';
  if (systemCodeOf(error) === 'EEXIST') return 'a file of that name is there';
  if (typeof errno === 'number' && errno < 0) return getSystemErrorMessage(errno) || String(errno);
  return systemCodeOf(error) ?? messageOf(error);
}
