/**
 * Reads a method call. saxes sees to it that the document is well-formed; what stands where is
 * checked here, element by element, so that nothing unknown is ever kept. A DOCTYPE is refused as
 * soon as it ends, and without one there are no entities to expand. Cost is linear in the bytes.
 */
import { SaxesParser } from 'saxes';
import { messageOf } from '#base';
import { decodeXml } from './bytes.ts';
import { FAULT, Fault } from './fault.ts';
import { SCALARS } from './scalars.ts';
import type { Call, Value } from './value.ts';

/** Arrays and structs within each other. */
const DEPTH_MOST = 64;
const VALUES_MOST = 100_000;
const METHOD_NAME = /^[A-Za-z0-9_.:/]{1,255}$/;

/** @param charset of the HTTP header, or null. Throws a Fault. */
export function readCall(bytes: Buffer, charset: string | null): Call {
  const text = decodeXml(bytes, charset);
  const building = new Building();
  // An encoding in the declaration was honoured already, and versions after 1.0 add only what
  // XML-RPC has no use for.
  const parser = new SaxesParser({ forceXMLVersion: true, defaultXMLVersion: '1.0' });
  parser.on('error', (error) => {
    throw new Fault(FAULT.notWellFormed, `the XML is not well-formed: ${oneLine(error)}`);
  });
  parser.on('doctype', () => {
    throw new Fault(FAULT.notWellFormed, 'a DOCTYPE is not taken');
  });
  parser.on('opentag', ({ name, attributes }) => building.open(name, Object.keys(attributes)));
  parser.on('closetag', () => building.close());
  parser.on('text', (piece) => building.text(piece));
  parser.on('cdata', (piece) => building.text(piece));
  parser.write(text).close();
  return building.call();
}

/** saxes begins with line and column, and shows characters of the document. */
function oneLine(error: Error): string {
  return messageOf(error).slice(0, 200);
}

function invalid(what: string): Fault {
  return new Fault(FAULT.invalidRequest, what);
}

/** Which elements may stand in which; those that are not named hold text only. */
const CHILDREN: Readonly<Record<string, ReadonlySet<string>>> = {
  '': new Set(['methodCall']),
  methodCall: new Set(['methodName', 'params']),
  params: new Set(['param']),
  param: new Set(['value']),
  value: new Set([...SCALARS.keys(), 'array', 'struct']),
  array: new Set(['data']),
  data: new Set(['value']),
  struct: new Set(['member']),
  member: new Set(['name', 'value']),
};
const HOLDS_TEXT = new Set(['methodName', 'name', 'value', ...SCALARS.keys()]);
/** All that may hold several children. */
const HOLDS_MANY = new Set(['params', 'data', 'struct']);

interface Frame {
  readonly name: string;
  text: string;
  /** Children that have come, by name, unless they may be many. */
  readonly seen: Set<string>;
  readonly items: Value[];
  readonly members: Map<string, Value>;
  key: string;
}

class Building {
  readonly #stack: Frame[] = [frame('')];
  #values = 0;
  #depth = 0;
  #method = '';
  #params: readonly Value[] = [];

  get #top(): Frame {
    return this.#stack.at(-1)!;
  }

  open(name: string, attributes: readonly string[]): void {
    const parent = this.#top;
    // Own, because the name comes from outside: `constructor` has no children here.
    const allowed = Object.hasOwn(CHILDREN, parent.name) ? CHILDREN[parent.name] : undefined;
    const shown = name.slice(0, 40);
    if (!allowed?.has(name)) {
      throw invalid(
        `<${shown}> may not stand ${parent.name === '' ? 'there' : `in <${parent.name}>`}`,
      );
    }
    if (attributes.some((attribute) => !/^xmlns(:|$)/.test(attribute))) {
      throw invalid(`<${shown}> takes no attributes`);
    }
    if (!HOLDS_MANY.has(parent.name) && (parent.seen.has(name) || isSecondType(parent))) {
      throw invalid(`<${parent.name}> holds more than it may`);
    }
    parent.seen.add(name);
    this.#count(name);
    this.#stack.push(frame(name));
  }

  #count(name: string): void {
    if (name === 'value' && ++this.#values > VALUES_MOST) {
      throw invalid(`there are more than ${VALUES_MOST} values`);
    }
    if ((name === 'array' || name === 'struct') && ++this.#depth > DEPTH_MOST) {
      throw invalid(`values are nested more than ${DEPTH_MOST} deep`);
    }
  }

  text(piece: string): void {
    const top = this.#top;
    if (HOLDS_TEXT.has(top.name)) top.text += piece;
    else if (!/^[ \t\r\n]*$/.test(piece)) throw invalid(`text may not stand in <${top.name}>`);
  }

  close(): void {
    const closed = this.#stack.pop()!;
    const parent = this.#top;
    const readScalar = SCALARS.get(closed.name);
    if (readScalar) {
      parent.items.push(readScalar(closed.text));
      return;
    }
    switch (closed.name) {
      case 'value':
        parent.items.push(contentOf(closed));
        return;
      case 'array':
        this.#depth--;
        required(closed, 'data');
        parent.items.push({ type: 'array', items: closed.items });
        return;
      case 'data':
        for (const item of closed.items) parent.items.push(item);
        return;
      case 'struct':
        this.#depth--;
        parent.items.push({ type: 'struct', members: closed.members });
        return;
      case 'member':
        required(closed, 'name');
        required(closed, 'value');
        addMember(parent, closed);
        return;
      case 'name':
        if (parent.seen.has('value')) throw invalid('in <member> the <name> comes first');
        parent.key = closed.text;
        return;
      case 'param':
        required(closed, 'value');
        parent.items.push(closed.items[0]!);
        return;
      case 'params':
        this.#params = closed.items;
        return;
      case 'methodName':
        if (parent.seen.has('params')) throw invalid('<methodName> comes before <params>');
        this.#method = methodName(closed.text);
        return;
      case 'methodCall':
        required(closed, 'methodName');
    }
  }

  call(): Call {
    return { method: this.#method, params: this.#params };
  }
}

function frame(name: string): Frame {
  return { name, text: '', seen: new Set(), items: [], members: new Map(), key: '' };
}

/** A value has one type; what stands in it beside text is that type. */
function isSecondType(parent: Frame): boolean {
  return parent.name === 'value' && parent.seen.size > 0;
}

/** Text without a type is a string, blanks and all; around a type only blanks may stand. */
function contentOf(closed: Frame): Value {
  const [typed] = closed.items;
  if (typed === undefined) return { type: 'string', value: closed.text };
  if (/^[ \t\r\n]*$/.test(closed.text)) return typed;
  throw invalid('a <value> holds text beside its type');
}

function required(closed: Frame, child: string): void {
  if (!closed.seen.has(child)) throw invalid(`<${closed.name}> lacks its <${child}>`);
}

function addMember(parent: Frame, member: Frame): void {
  if (parent.members.has(member.key)) {
    throw invalid(`a struct has two members ${JSON.stringify(member.key.slice(0, 40))}`);
  }
  parent.members.set(member.key, member.items[0]!);
}

function methodName(text: string): string {
  if (METHOD_NAME.test(text)) return text;
  throw invalid(`${JSON.stringify(text.slice(0, 40))} is no method name`);
}
