/** The two ways of quoting in `arguments` and `environment`: old, and new in double quotes. */

export type Quoted<T> = { readonly value: T } | { readonly problem: string };

/** Words of `arguments`. New: all in double quotes, `''` protect blanks. Old: `\"` is a quote. */
export function splitWords(text: string): Quoted<string[]> {
  const inner = unwrap(text);
  if (typeof inner === 'object' && inner !== null) return inner;
  return inner === null ? oldWords(text.trim()) : newWords(inner);
}

/** Variables of `environment`: `"A=1 B='two words'"`, or the old `A=1;B=2`. */
export function splitVariables(text: string): Quoted<Record<string, string>> {
  const inner = unwrap(text);
  if (typeof inner === 'object' && inner !== null) return inner;
  if (inner === null) return variablesOf(text.split(';').map((one) => one.trim()));
  const words = newWords(inner);
  return 'problem' in words ? words : variablesOf(words.value);
}

/** What stands between the outer double quotes, `""` made one; null: there are none. */
function unwrap(text: string): string | null | { problem: string } {
  const trimmed = text.trim();
  if (!trimmed.startsWith('"')) return null;
  if (trimmed.length < 2 || !trimmed.endsWith('"'))
    return { problem: 'the double quote at its begin is not closed' };
  const inner = trimmed.slice(1, -1);
  const alone = inner.replaceAll('""', '');
  if (alone.includes('"')) return { problem: 'a double quote inside is written ""' };
  return inner.replaceAll('""', '"');
}

function oldWords(text: string): Quoted<string[]> {
  if (/(?<!\\)"/.test(text)) {
    return {
      problem:
        'a double quote that does not begin the value is written \\"; or put the whole in double quotes',
    };
  }
  const words = text.split(/[ \t\r\n]+/).filter((word) => word !== '');
  return { value: words.map((word) => word.replaceAll('\\"', '"')) };
}

function newWords(text: string): Quoted<string[]> {
  const words: string[] = [];
  let word: string | null = null;
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!;
    if (/\s/.test(char)) {
      if (word !== null) words.push(word);
      word = null;
      continue;
    }
    word ??= '';
    if (char !== "'") {
      word += char;
      continue;
    }
    const end = closingQuote(text, at + 1);
    if (end === -1)
      return { problem: "a single quote is not closed; inside of '…' it is written ''" };
    word += text.slice(at + 1, end).replaceAll("''", "'");
    at = end;
  }
  if (word !== null) words.push(word);
  return { value: words };
}

function closingQuote(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] !== "'") continue;
    if (text[at + 1] !== "'") return at;
    at++;
  }
  return -1;
}

function variablesOf(words: readonly string[]): Quoted<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const word of words) {
    if (word === '') continue;
    const equals = word.indexOf('=');
    if (equals < 1) return { problem: `"${word.slice(0, 80)}" is no NAME=VALUE` };
    found[word.slice(0, equals).trim()] = word.slice(equals + 1);
  }
  return { value: found };
}
