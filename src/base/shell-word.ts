/**
 * Text as words of a POSIX shell (IEEE 1003.1, 2.2.2 single quotes). No shell can hold a NUL byte;
 * who may have one refuses it before.
 */

/** Always in single quotes: `it's` → `'it'\''s'`. */
export function shellWord(text: string): string {
  return `'${insideSingleQuotes(text)}'`;
}

export function insideSingleQuotes(text: string): string {
  return text.includes("'") ? text.replaceAll("'", "'\\''") : text;
}

/** Quoted only where the shell would otherwise read something into it. */
export function plainShellWord(word: string): string {
  return /^[A-Za-z0-9_@%+:,./-][A-Za-z0-9_@%+:,./=-]*$/.test(word) ? word : shellWord(word);
}

/** Words as a shell command that executes them as they are. */
export function shellCommand(words: readonly string[]): string {
  return words.map(shellWord).join(' ');
}
