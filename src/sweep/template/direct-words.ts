import type { Part } from './placeholders.ts';
import { compileParts, type Expander } from './text.ts';

// Text that every shell takes as it stands: no quotes, expansions, operators or patterns.
const PLAIN_TEXT = /^[A-Za-z0-9_@%+,./:= \t-]*$/;

/**
 * First words that are the shell's own to understand: reserved words and built-in commands of
 * POSIX sh, dash, bash, ksh, zsh and busybox. A program of that name may do something else.
 */
const SHELL_WORDS = new Set(
  `. : alias autoload bg bind break builtin caller case cd command compgen complete compopt continue
  coproc declare dirs disown do done echo elif else enable esac eval exec exit export false fc fg fi
  for function functions getopts hash help history if in integer jobs kill let local logout mapfile
  nameref newgrp noglob popd print printf pushd pwd read readarray readonly return select set shift
  shopt sleep source suspend test then time times trap true type typeset ulimit umask unalias unset
  until wait whence which while`.split(/\s+/),
);

/**
 * The words of a shell command that only starts one program, so that it can be started without a
 * shell: that halves the cost of a short task. Null where a shell could make anything else of it;
 * GNU make decides in the same way. A placeholder is one word, or a part of one.
 */
export function directWords(parts: readonly Part[]): readonly Expander[] | null {
  const words: Part[][] = [[]];
  for (const part of parts) {
    if (part.kind === 'placeholder') {
      if (part.raw) return null;
      words.at(-1)!.push(part);
      continue;
    }
    if (!PLAIN_TEXT.test(part.text)) return null;
    const [first, ...others] = part.text.split(/[ \t]+/).map((text) => [{ ...part, text }]);
    words.at(-1)!.push(...first!);
    words.push(...others);
  }
  const written = words.map((word) => word.filter((part) => part.kind !== 'text' || part.text));
  const meant = written.filter((word) => word.length > 0);
  if (!isProgram(meant[0])) return null;
  return meant.map((word) => compileParts(word).expand);
}

/** The same in each row, no assignment, and nothing that the shell does by itself. */
function isProgram(word: readonly Part[] | undefined): boolean {
  if (word?.length !== 1 || word[0]!.kind !== 'text') return false;
  const { text } = word[0]!;
  return !text.includes('=') && !SHELL_WORDS.has(text);
}
