/** Lists of words as one text, in HTCondor's newer form: blanks part, single quotes protect. */

/** `--beta 'a b'`: arguments of a program. */
export function printArguments(words: readonly string[]): string {
  return words.map(quoted).join(' ');
}

/** `A=1 B='two words'`: variables of an environment. */
export function printEnvironment(environment: Readonly<Record<string, string>>): string {
  return Object.entries(environment)
    .map(([name, value]) => `${name}=${value === '' ? '' : quoted(value)}`)
    .join(' ');
}

function quoted(word: string): string {
  return /^[^\s']+$/.test(word) ? word : `'${word.replaceAll("'", "''")}'`;
}
