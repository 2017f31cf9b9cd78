/**
 * Where the keys of a TOML document stand, which its parser does not tell. The document was parsed
 * before and is correct, so this walk only has to skip values: strings of four kinds, brackets,
 * comments (TOML 1.0, https://toml.io/en/v1.0.0).
 */
export interface KeyPlace {
  /** Line of the key. */
  readonly line: number;
  /** Line of the first character of the value; of a multi-line string, its text's first line. */
  readonly valueLine: number;
  /** Counts up in the order of writing. */
  readonly order: number;
}

const SEPARATOR = '\0';

interface Walk {
  readonly text: string;
  at: number;
  line: number;
}

/** The place of a key by its path, e.g. `['inputs', 'model.ini']`; that of its table if it has none. */
export type KeyFinder = (path: readonly (string | number)[]) => KeyPlace | undefined;

export function findKeys(text: string): KeyFinder {
  const places = new Map<string, KeyPlace>();
  const walk: Walk = { text, at: 0, line: 1 };
  let table: string[] = [];
  while (skipBlank(walk)) {
    const { line } = walk;
    const isHeader = text[walk.at] === '[';
    while (text[walk.at] === '[') walk.at++;
    const key = readKey(walk);
    const path = isHeader ? key : [...table, ...key];
    if (isHeader) table = key;
    if (isHeader) skipLine(walk);
    else walk.at++;
    const valueLine = isHeader ? line : valueStart(walk);
    note(places, path, { line, valueLine, order: places.size });
    if (!isHeader) skipValue(walk);
  }
  return (path) => {
    for (let length = path.length; length > 0; length--) {
      const place = places.get(path.slice(0, length).join(SEPARATOR));
      if (place) return place;
    }
    return undefined;
  };
}

/** Notes the key, and the tables that its dots or header bring into being. */
function note(places: Map<string, KeyPlace>, path: readonly string[], place: KeyPlace): void {
  for (let length = 1; length <= path.length; length++) {
    const key = path.slice(0, length).join(SEPARATOR);
    if (!places.has(key)) places.set(key, place);
  }
}

/** Goes to the next statement; false at the end. */
function skipBlank(walk: Walk): boolean {
  for (; walk.at < walk.text.length; walk.at++) {
    const char = walk.text[walk.at]!;
    if (char === '\n') walk.line++;
    else if (char === '#') skipComment(walk);
    else if (!/\s/.test(char)) return true;
  }
  return false;
}

function skipComment(walk: Walk): void {
  while (walk.at + 1 < walk.text.length && walk.text[walk.at + 1] !== '\n') walk.at++;
}

function skipLine(walk: Walk): void {
  while (walk.at < walk.text.length && walk.text[walk.at] !== '\n') walk.at++;
}

function readKey(walk: Walk): string[] {
  const path: string[] = [];
  const part = /[ \t]*(?:"((?:[^"\\\n]|\\.)*)"|'([^'\n]*)'|([A-Za-z0-9_-]+))[ \t]*(\.?)/y;
  for (let more = true; more; ) {
    part.lastIndex = walk.at;
    const found = part.exec(walk.text);
    if (!found) break;
    walk.at += found[0].length;
    path.push(found[1] === undefined ? (found[2] ?? found[3]!) : unescapeKey(found[1]));
    more = found[4] === '.';
  }
  return path;
}

function unescapeKey(text: string): string {
  try {
    return JSON.parse(`"${text}"`) as string;
  } catch {
    return text;
  }
}

function valueStart(walk: Walk): number {
  while (walk.text[walk.at] === ' ' || walk.text[walk.at] === '\t') walk.at++;
  const multiLine = /(?:"""|''')\r?\n/y;
  multiLine.lastIndex = walk.at;
  return multiLine.test(walk.text) ? walk.line + 1 : walk.line;
}

/** Goes behind a value, which ends at the first line end outside strings and brackets. */
function skipValue(walk: Walk): void {
  for (let depth = 0; walk.at < walk.text.length; walk.at++) {
    const char = walk.text[walk.at]!;
    if (char === '\n' && depth === 0) return;
    if (char === '\n') walk.line++;
    else if (char === '#') skipComment(walk);
    else if (char === '"' || char === "'") skipString(walk, char);
    else if (char === '[' || char === '{') depth++;
    else if (char === ']' || char === '}') depth--;
  }
}

/** Stops at the last character of the string. */
function skipString(walk: Walk, quote: string): void {
  const long = walk.text.startsWith(quote.repeat(3), walk.at);
  const end = long ? quote.repeat(3) : quote;
  for (walk.at += end.length; walk.at < walk.text.length; walk.at++) {
    if (walk.text.startsWith(end, walk.at)) break;
    if (walk.text[walk.at] === '\n') walk.line++;
    if (quote === '"' && walk.text[walk.at] === '\\' && walk.text[walk.at + 1] !== '\n') walk.at++;
  }
  walk.at += end.length - 1;
  // A long string may end with up to two quotes of its own.
  while (long && walk.text[walk.at + 1] === quote) walk.at++;
}
