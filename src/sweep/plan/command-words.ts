import type { Command } from '#model';

/** A word of a command that is the same in every row. */
export interface FixedWord {
  readonly text: string;
  /** Of an argv element, or where the word begins in the shell template. */
  readonly position: number;
}

// Characters that mean themselves in a shell command, and in a template.
const PLAIN_WORD = /^[A-Za-z0-9_@%+,./:=-]+$/;
const ASSIGNMENT = /^[A-Za-z_][A-Za-z0-9_]*=/;

/** A word, and what makes it one that is written to: `> log`, `2>> log`, `&>log`, `>| log`. */
const WORD = /(>\|?\s*)?([^\s;&|()<>]+)/g;

/**
 * The words of a command without placeholders, quotes or anything else to be expanded. A file that
 * the shell writes to is none of them: what it holds is what a run before left there.
 */
export function fixedWords(command: Command): FixedWord[] {
  if (command.kind === 'argv') {
    const words = command.template.map((text, position) => ({ text, position }));
    return words.filter(({ text }) => !text.includes('$') && text !== '');
  }
  return [...command.template.matchAll(WORD)]
    .filter(([, redirection]) => redirection === undefined)
    .map((word) => ({ text: word[0], position: word.index }))
    .filter(({ text }) => PLAIN_WORD.test(text));
}

/** The program's word, if it is the same in every row; assignments before it are skipped. */
export function programWord(command: Command): FixedWord | undefined {
  const words = fixedWords(command);
  if (command.kind === 'argv') return words.find(({ position }) => position === 0);
  const program = words.find(({ text }) => !ASSIGNMENT.test(text));
  if (!program) return undefined;
  const before = command.template.slice(0, program.position);
  const simple = before.split(/\s+/).every((word) => word === '' || ASSIGNMENT.test(word));
  return simple ? program : undefined;
}

/** The command with another program in the place of `word`. */
export function replaceWord(command: Command, word: FixedWord, text: string): Command {
  if (command.kind === 'argv') {
    const template = command.template.map((one, i) => (i === word.position ? text : one));
    return { kind: 'argv', template };
  }
  const before = command.template.slice(0, word.position);
  const after = command.template.slice(word.position + word.text.length);
  return { kind: 'shell', template: before + text + after };
}
