/**
 * From what an attempt is to what the open protocol can say of it. A client there only knows
 * files and one command line for `sh -c`, so that standard input and commands of several lines
 * have to become those.
 */
import { shellCommand, shellWord } from '#base';
import type { Ticket } from '#model';
import { type OpenInput, type OpenResult, type OpenTask, refuseUnspeakable } from './task-text.ts';

/** An attempt with its placeholders filled in. */
export interface AttemptToSpeak {
  readonly ticket: Ticket;
  /** 0: none. */
  readonly timeoutMs: number;
  readonly command:
    | { readonly kind: 'shell'; readonly text: string }
    | { readonly kind: 'argv'; readonly argv: readonly string[] };
  /** The one named `stdin` becomes the command's standard input. */
  readonly inputs: readonly OpenInput[];
  readonly results: readonly OpenResult[];
}

const SCRIPT_NAME = 'windrow-command';
const STDIN_NAME = 'stdin';

/** Throws `OPEN_UNSPEAKABLE` for names with line breaks and for commands with a NUL byte. */
export function spokenTask(attempt: AttemptToSpeak): OpenTask {
  const { ticket, results } = attempt;
  const text = commandText(attempt.command);
  const hasStdin = attempt.inputs.some((input) => input.file === STDIN_NAME);
  const line = onOneLine(text, hasStdin);
  const script = line === undefined ? scriptInput(text, attempt.inputs) : undefined;
  const task: OpenTask = {
    ticket,
    timeoutS: Math.ceil(attempt.timeoutMs / 1000),
    commandLine: line ?? `sh ./${script!.file}${hasStdin ? FROM_STDIN : ''}`,
    inputs: script ? [...attempt.inputs, script] : attempt.inputs,
    results,
  };
  refuseUnspeakable(task);
  return task;
}

const FROM_STDIN = ` < ${shellWord(STDIN_NAME)}`;

function commandText(command: AttemptToSpeak['command']): string {
  return command.kind === 'shell' ? command.text : shellCommand(command.argv);
}

/** The command as one line, or undefined when it must be a script. */
function onOneLine(text: string, hasStdin: boolean): string | undefined {
  if (/[\r\n\0]/.test(text) || !text.isWellFormed()) return undefined;
  if (!hasStdin) return text;
  return fitsInBraces(text) ? `{ ${text}; }${FROM_STDIN}` : undefined;
}

/** `{ text; }` means the same as `text`: no comment, separator or escape swallows the `; }`. */
function fitsInBraces(text: string): boolean {
  return text.trim() !== '' && !text.includes('#') && !/[;&|\\]\s*$/.test(text);
}

function scriptInput(text: string, inputs: readonly OpenInput[]): OpenInput {
  const taken = new Set(inputs.map((input) => input.file));
  let file = SCRIPT_NAME;
  for (let n = 2; taken.has(file); n++) file = `${SCRIPT_NAME}-${n}`;
  const content = Buffer.from(`${text}\n`);
  return { file, bytes: content.length, content };
}
