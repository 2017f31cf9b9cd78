import type { WindrowError } from '#base';
import { templateErrors } from '../errors.ts';
import type { Fault } from './placeholders.ts';

/** Where a template was written, for messages. */
export interface Origin {
  /** e.g. `command`, `[inputs] "model.ini"`. */
  readonly what: string;
  readonly file?: string;
  /** The line of `file` where the template's first line is, from 1. */
  readonly line?: number;
}

/** `sweep.toml:4 (command)`, or `command, line 3` when there is no file. */
export function describeOrigin(origin: Origin, line = 1): string {
  if (origin.file !== undefined) {
    return `${origin.file}:${(origin.line ?? 1) + line - 1} (${origin.what})`;
  }
  return line === 1 ? origin.what : `${origin.what}, line ${line}`;
}

export function faultError(fault: Fault, origin: Origin): WindrowError {
  const { code, line, found, context, advice } = fault;
  return templateErrors.create(code, {
    where: describeOrigin(origin, line),
    found,
    advice,
    ...(context === undefined ? {} : { context }),
  });
}
