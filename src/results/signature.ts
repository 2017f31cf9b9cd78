import type { Cause } from '#model';

const MAX_CHARACTERS = 200;

/**
 * What failures of one kind have in common: cause, exit status or signal, and the last line of
 * stderr with everything that differs between parameter sets folded to `#` — numbers, hexadecimal
 * identifiers, folders and files with digits in their names.
 */
export function signatureOf(
  cause: Cause,
  status: number | string | null,
  lastErrorLine: string,
): string {
  const head = status === null ? cause : `${cause} ${status}`;
  const line = foldLine(lastErrorLine);
  return line === '' ? head : `${head}: ${line}`;
}

function foldLine(line: string): string {
  // Cut twice: folding can only shorten what matters, and a word must not be cut in half first.
  const bounded = line.slice(0, 4 * MAX_CHARACTERS).trim();
  const folded = bounded
    .split(/(\s+|[,;()'"[\]{}=]+)/)
    .map(foldWord)
    .join('')
    .replace(/\s+/g, ' ');
  return folded.slice(0, MAX_CHARACTERS).toWellFormed();
}

function foldWord(word: string): string {
  if (!/\d/.test(word)) return foldHex(word);
  if (word.includes('/')) return word.split('/').map(foldComponent).join('/');
  return foldNumbers(word);
}

/** A path's component with a digit anywhere is one name of many; its extension says what it is. */
function foldComponent(component: string): string {
  if (!/\d/.test(component)) return foldHex(component);
  const extension = /\.[A-Za-z]+(?=:|$)/.exec(component)?.[0] ?? '';
  const position = /(:\d+)+:?$/.exec(component)?.[0] ?? '';
  return `#${extension}${position.replace(/\d+/g, '#')}`;
}

/** Hexadecimal digests need no digit to differ from one another, but they are long. */
function foldHex(word: string): string {
  return word.replace(/\b[0-9a-f]{16,}\b/gi, '#');
}

function foldNumbers(word: string): string {
  return word
    .replace(/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/gi, '#')
    .replace(/(?<![\w.])[-+]?\d+(?:\.\d*)?(?:e[-+]?\d+)?(?!\w)/gi, '#')
    .replace(/\b0x[0-9a-f]+/gi, '#')
    .replace(/\b(?=[0-9a-f-]*\d)[0-9a-f]{4,}(?:-[0-9a-f]{4,})*\b/gi, '#')
    .replace(/\d+(?:\.\d+)*/g, '#');
}
