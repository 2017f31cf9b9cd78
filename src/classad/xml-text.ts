/** The little of XML that ads need: elements, attributes, text, comments, character references. */
export interface XmlElement {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly XmlElement[];
  /** All text directly inside, joined. */
  readonly text: string;
}

type Wrong = (problem: string) => Error;

const SKIPPED = /(?:\s+|<\?xml[^?]*\?>|<!DOCTYPE[^[>]*>|<!--(?:[^-]|-[^-])*-->)*/y;
const COMMENT = /<!--(?:[^-]|-[^-])*-->/y;
const TAG = /<(\/?)([A-Za-z]+)((?:\s+[A-Za-z]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>/y;
const ATTRIBUTE = /([A-Za-z]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;
const REFERENCE = /&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|(amp|lt|gt|quot|apos));|&/g;
const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
};

interface Open {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: XmlElement[];
  readonly text: string[];
}

/** Reads a document of one element. Entities that a document declares itself are refused. */
export function readXml(text: string, nesting: number, wrong: Wrong): XmlElement {
  const open: Open[] = [{ name: '', attributes: new Map(), children: [], text: [] }];
  let at = skip(text, 0);
  while (at < text.length) {
    const end = skipOne(COMMENT, text, at);
    if (end !== null) at = end;
    else if (text[at] === '<') at = readTag(text, at, open, wrong);
    else at = readText(text, at, open, wrong);
    if (open.length > nesting) throw wrong(`nested deeper than ${nesting}`);
    if (open.length === 1) at = skip(text, at);
  }
  const document = open[0]!;
  const root = document.children[0];
  if (open.length > 1) throw wrong(`</${open.at(-1)!.name}> is missing`);
  if (!root || document.children.length > 1) throw wrong('expected one outermost element');
  return root;
}

function skip(text: string, at: number): number {
  return skipOne(SKIPPED, text, at) ?? at;
}

function skipOne(pattern: RegExp, text: string, at: number): number | null {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : null;
}

function readTag(text: string, at: number, open: Open[], wrong: Wrong): number {
  TAG.lastIndex = at;
  const match = TAG.exec(text);
  if (!match) throw wrong(`what begins at character ${at} is no tag`);
  const [, closes, name = '', attributes = '', empty] = match;
  if (closes) {
    if (open.at(-1)!.name !== name || open.length === 1 || attributes !== '' || empty) {
      throw wrong(`expected </${open.at(-1)!.name}>, found </${name}> at character ${at}`);
    }
    close(open);
  } else {
    open.push({ name, attributes: attributesIn(attributes, wrong), children: [], text: [] });
    if (empty) close(open);
  }
  return TAG.lastIndex;
}

function close(open: Open[]): void {
  const { name, attributes, children, text } = open.pop()!;
  open.at(-1)!.children.push({ name, attributes, children, text: text.join('') });
}

function readText(text: string, at: number, open: Open[], wrong: Wrong): number {
  if (open.length === 1) throw wrong(`text outside of all elements at character ${at}`);
  const found = text.indexOf('<', at);
  const end = found < 0 ? text.length : found;
  open.at(-1)!.text.push(unescaped(text.slice(at, end), wrong));
  return end;
}

function attributesIn(text: string, wrong: Wrong): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [, name = '', double, single] of text.matchAll(ATTRIBUTE)) {
    if (found.has(name)) throw wrong(`the attribute ${name} stands twice`);
    found.set(name, unescaped(double ?? single ?? '', wrong));
  }
  return found;
}

function unescaped(text: string, wrong: Wrong): string {
  return text.replace(REFERENCE, (whole, decimal?: string, hex?: string, name?: string) => {
    if (name !== undefined) return ENTITIES[name]!;
    const code = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal);
    if (!(code > 0 && code <= 0x10ffff)) throw wrong(`${whole} is no character`);
    return String.fromCodePoint(code);
  });
}
