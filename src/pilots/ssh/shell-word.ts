/** A text as one word of a POSIX shell, whatever it holds (IEEE 1003.1, 2.2.2 single quotes). */
export function shellWord(text: string): string {
  if (text.includes('\0')) throw new RangeError('a word of a command cannot hold a NUL byte');
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Words as a shell command that executes them as they are. */
export function shellCommand(words: readonly string[]): string {
  return words.map(shellWord).join(' ');
}
