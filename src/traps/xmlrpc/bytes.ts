/** From the bytes of a document to its text: which encoding it has, and whether they are right in it. */
import { FAULT, Fault } from './fault.ts';

/** The declaration stands within the first bytes, in ASCII, in every encoding but UTF-16. */
const DECLARATION_BYTES = 256;
const DECLARED = /^<\?xml[^>]{0,200}?\sencoding\s*=\s*(?:"([^"]*)"|'([^']*)')/;

type Decode = (bytes: Buffer) => string;

/** Old clients, those of PHP among them, write ISO-8859-1. */
const DECODERS: Readonly<Record<string, Decode>> = {
  'utf-8': fatally('utf-8'),
  utf8: fatally('utf-8'),
  'us-ascii': ascii,
  ascii,
  'iso-8859-1': (bytes) => bytes.toString('latin1'),
  latin1: (bytes) => bytes.toString('latin1'),
  'utf-16': (bytes) => fatally(hasMark(bytes, 0xfe, 0xff) ? 'utf-16be' : 'utf-16le')(bytes),
  'utf-16le': fatally('utf-16le'),
  'utf-16be': fatally('utf-16be'),
};

/**
 * A byte order mark decides, then the charset of the HTTP header, then the declaration (RFC 7303,
 * section 3); without any of them it is UTF-8. Throws a Fault.
 */
export function decodeXml(bytes: Buffer, charset: string | null): string {
  const name = (
    markedEncoding(bytes) ??
    charset ??
    declaredEncoding(bytes) ??
    'utf-8'
  ).toLowerCase();
  const decode = Object.hasOwn(DECODERS, name) ? DECODERS[name] : undefined;
  if (decode) return decode(bytes);
  const shown = JSON.stringify(name.slice(0, 40));
  throw new Fault(FAULT.unsupportedEncoding, `encoding ${shown} is not known, send UTF-8`);
}

function markedEncoding(bytes: Buffer): string | null {
  if (hasMark(bytes, 0xfe, 0xff) || hasMark(bytes, 0xff, 0xfe)) return 'utf-16';
  return hasMark(bytes, 0xef, 0xbb) && bytes[2] === 0xbf ? 'utf-8' : null;
}

function hasMark(bytes: Buffer, first: number, second: number): boolean {
  return bytes[0] === first && bytes[1] === second;
}

function declaredEncoding(bytes: Buffer): string | null {
  const found = DECLARED.exec(bytes.toString('latin1', 0, DECLARATION_BYTES));
  return found?.[1] ?? found?.[2] ?? null;
}

function fatally(encoding: string): Decode {
  const decoder = new TextDecoder(encoding, { fatal: true });
  return (bytes) => {
    try {
      return decoder.decode(bytes);
    } catch {
      throw new Fault(FAULT.invalidCharacter, `a character is not right in ${encoding}`);
    }
  };
}

function ascii(bytes: Buffer): string {
  if (bytes.some((byte) => byte > 0x7f)) {
    throw new Fault(FAULT.invalidCharacter, 'a character is not right in US-ASCII');
  }
  return bytes.toString('latin1');
}
