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
