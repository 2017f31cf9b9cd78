/**
 * Words of HTCondor's new argument and environment syntax: parted by blanks; single quotes keep
 * blanks, and two of them inside of quotes are one.
 */
export function splitWords(text: string): string[] | null {
  const words: string[] = [];
  let word: string | null = null;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at]!;
    if (/\s/.test(character)) {
      if (word !== null) words.push(word);
      word = null;
    } else if (character === "'") {
      const quoted = readQuoted(text, at + 1);
      if (!quoted) return null;
      word = (word ?? '') + quoted.value;
      at = quoted.end - 1;
    } else word = (word ?? '') + character;
  }
  return word === null ? words : [...words, word];
}

function readQuoted(text: string, from: number): { value: string; end: number } | null {
  let value = '';
  for (let at = from; at < text.length; at += 1) {
    if (text[at] !== "'") value += text[at];
    else if (text[at + 1] === "'") {
      value += "'";
      at += 1;
    } else return { value, end: at + 1 };
  }
  return null;
}

export function quoteWord(word: string): string {
  return word === '' || /[\s']/.test(word) ? `'${word.replaceAll("'", "''")}'` : word;
}
