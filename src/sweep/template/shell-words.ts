/** Text as one word of a POSIX shell, always in single quotes: `it's` → `'it'\''s'`. */
export function quoteWord(text: string): string {
  return `'${escapeSingle(text)}'`;
}

/** Text as the inside of a single-quoted string. */
export function escapeSingle(text: string): string {
  return text.includes("'") ? text.replaceAll("'", "'\\''") : text;
}

/** A fixed word: quoted only where the shell would otherwise read something into it. */
export function quoteWhereNeeded(word: string): string {
  return /^[A-Za-z0-9_@%+:,./-][A-Za-z0-9_@%+:,./=-]*$/.test(word) ? word : quoteWord(word);
}

/**
 * A script of any number of lines as one line with the same meaning: where there is a line end the
 * script goes through `printf %b` (POSIX), whose escapes are the same in every shell.
 */
export function onOneLine(script: string): string {
  if (!/[\n\r]/.test(script)) return script;
  const escaped = script.replace(/[\\\n\r']/g, (char) => ESCAPES[char]!);
  return `eval "$(printf '%b' '${escaped}')"`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  "'": '\\0047',
};
