import { classadErrors } from './errors.ts';

/** Thrown inside of the readers only; callers see a `SyntaxProblem` or CLASSAD_SYNTAX_WRONG. */
export class SyntaxFault extends Error {
  readonly offset: number;

  constructor(offset: number, problem: string) {
    super(problem);
    this.offset = offset;
  }
}

export interface SyntaxProblem {
  readonly problem: string;
  /** From 0, in UTF-16 units. */
  readonly offset: number;
  /** From 1. */
  readonly line: number;
  /** From 1, in characters. */
  readonly column: number;
  /** The line, and under it a caret at the place. */
  readonly caret: string;
}

const SHOWN_BEFORE = 60;
const SHOWN_CHARACTERS = 76;

/** What is wrong and where, in a line cut to a terminal's width around the place. */
export function problemAt(text: string, fault: SyntaxFault): SyntaxProblem {
  const offset = Math.min(fault.offset, text.length);
  const lineStart = text.lastIndexOf('\n', offset - 1) + 1;
  const lineEnd = text.indexOf('\n', offset);
  const line = text.slice(0, lineStart).split('\n').length;
  const whole = text.slice(lineStart, lineEnd < 0 ? text.length : lineEnd).replace(/\r$/, '');
  const at = offset - lineStart;
  const from = at > SHOWN_BEFORE ? at - SHOWN_BEFORE : 0;
  const shown = whole.slice(from, from + SHOWN_CHARACTERS).replaceAll('\t', ' ');
  const before = [...whole.slice(from, at)].length;
  const column = [...whole.slice(0, at)].length + 1;
  const caret = `${shown}\n${' '.repeat(before)}^`;
  return { problem: fault.message, offset, line, column, caret };
}

export function syntaxError(what: string, { problem, line, column, caret }: SyntaxProblem): Error {
  return classadErrors.create('CLASSAD_SYNTAX_WRONG', { what, problem, line, column, caret });
}
