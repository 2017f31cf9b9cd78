// C0 and C1 controls, DEL, line and paragraph separators, and the bidirectional controls that
// make text read otherwise than it is (Unicode TR36, "Trojan Source").
const UNSAFE =
  /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g;

const SHORT: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\u001b': '\\e' };

function visible(character: string): string {
  const short = SHORT[character];
  if (short !== undefined) return short;
  const code = character.charCodeAt(0);
  return code < 256
    ? `\\x${code.toString(16).padStart(2, '0')}`
    : `\\u${code.toString(16).padStart(4, '0')}`;
}

/**
 * Text of others made safe for a terminal: nothing in it moves the cursor, sets a title, changes
 * colour or direction, or starts a new line. What was there stays visible as an escape.
 */
export function printable(text: string): string {
  return text.replace(UNSAFE, visible);
}

/** As `printable`, but line ends and tabs stay: for text that is shown as several lines. */
export function printableLines(text: string): string {
  return text.replace(UNSAFE, (character) =>
    character === '\n' || character === '\t' ? character : visible(character),
  );
}
