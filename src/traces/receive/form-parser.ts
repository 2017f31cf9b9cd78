/**
 * Forms as clients of old write them: `multipart/form-data` (RFC 7578) whose lines may end in bare
 * LF. How the opening boundary line ends holds for the whole body: with LF a CR in front of a
 * boundary belongs to the data, and the last boundary has no closing dashes. A mixed form is
 * refused. Memory is bounded whatever comes.
 */
import { tracesErrors } from '../errors.ts';
import type { FormInput } from './form-input.ts';

export type FormPiece =
  | { readonly kind: 'field'; readonly name: string; readonly value: string }
  | { readonly kind: 'file'; readonly name: string; readonly filename: string }
  /** Of the file that was named last. */
  | { readonly kind: 'data'; readonly bytes: Buffer };

const BOUNDARY_BYTES = 200;
const LINE_BYTES = 4096;
const MOST_HEADERS = 10;
const MOST_PARTS = 20;
const VALUE_BYTES = 1024;
/** What may follow the last boundary: the ends of lines that the clients of old write. */
const TRAILER = /^[\r\n]{0,6}$/;

/** The boundary that a Content-Type names, or null. */
export function boundaryOf(contentType: string): string | null {
  const found = /^multipart\/form-data\s*;(?:.*;)?\s*boundary=(?:"([^"]+)"|([^\s";]+))/i.exec(
    contentType,
  );
  const boundary = found?.[1] ?? found?.[2];
  return boundary && boundary.length <= BOUNDARY_BYTES ? boundary : null;
}

/**
 * Pieces in the order in which they come; null: more of the body is needed. Throws
 * TRACE_FORM_MALFORMED.
 */
export function* readForm(input: FormInput, boundary: string): Generator<FormPiece | null, void> {
  const opening = yield* input.line(BOUNDARY_BYTES + 4);
  const lineEnd = opening.endsWith('\r\n') ? '\r\n' : '\n';
  if (opening !== `--${boundary}${lineEnd}`) throw malformed('it does not begin with its boundary');
  const form: Form = { input, boundary, lineEnd };
  for (let part = 1; part <= MOST_PARTS; part++) {
    yield* readPart(form);
    if (yield* isLast(form)) return;
  }
  throw malformed(`it has more than ${MOST_PARTS} parts`);
}

interface Form {
  readonly input: FormInput;
  readonly boundary: string;
  readonly lineEnd: '\n' | '\r\n';
}

function* readPart(form: Form): Generator<FormPiece | null, void> {
  const { name, filename } = yield* readHeaders(form);
  if (filename !== null) {
    yield { kind: 'file', name, filename };
    for (const bytes of readData(form)) yield bytes && { kind: 'data', bytes };
    return;
  }
  const pieces: Buffer[] = [];
  let bytes = 0;
  for (const piece of readData(form)) {
    if (piece === null) {
      yield null;
      continue;
    }
    bytes += piece.length;
    if (bytes > VALUE_BYTES) throw malformed(`the field ${quoted(name)} is too long`);
    pieces.push(piece);
  }
  yield { kind: 'field', name, value: textOf(Buffer.concat(pieces)) };
}

/** What is inside of a part: all up to a boundary line that is one. */
function* readData({ input, boundary, lineEnd }: Form): Generator<Buffer | null, void> {
  const delimiter = Buffer.from(`${lineEnd}--${boundary}`);
  for (;;) {
    yield* input.until(delimiter);
    const next = yield* input.peek(40);
    if (isBoundaryEnd(next, lineEnd)) return;
    yield delimiter;
  }
}

/**
 * Whether what follows `--boundary` makes it a boundary line. In a file of an LF form a line may
 * look like one by accident: it is one only where another part or the end follows.
 */
function isBoundaryEnd(next: { text: string; isAll: boolean }, lineEnd: string): boolean {
  const { text, isAll } = next;
  if (lineEnd === '\r\n') return /^(--)?\r\n/.test(text) || (isAll && text === '--');
  const isEnd = isAll && TRAILER.test(text.replace(/^--/, ''));
  if (/^\r\n[A-Za-z-]{1,30}:/.test(text)) throw malformed('it mixes LF and CR LF');
  return isEnd || /^\n[A-Za-z-]{1,30}:/.test(text);
}

/** Goes past the end of a boundary line; true when it was the last. */
function* isLast({ input, lineEnd }: Form): Generator<null, boolean> {
  const { text, isAll } = yield* input.peek(40);
  if (isAll && TRAILER.test(text.replace(/^--/, '')) && (text.startsWith('--') || lineEnd === '\n'))
    return true;
  if (text.startsWith('--')) throw malformed('something follows its last boundary');
  yield* input.line(lineEnd.length);
  return false;
}

interface PartHeaders {
  readonly name: string;
  readonly filename: string | null;
}

function* readHeaders({ input, lineEnd }: Form): Generator<null, PartHeaders> {
  let disposition: string | null = null;
  for (let count = 0; count <= MOST_HEADERS; count++) {
    const line = yield* input.line(LINE_BYTES);
    if (!line.endsWith(lineEnd) || (lineEnd === '\n' && line.endsWith('\r\n')))
      throw malformed('it mixes LF and CR LF');
    const text = line.slice(0, -lineEnd.length);
    if (text === '') return parseDisposition(disposition);
    const [, key, value] = /^([A-Za-z0-9-]+):\s*(.*)$/s.exec(text) ?? [];
    if (key === undefined) throw malformed(`${quoted(text)} is no header`);
    if (key.toLowerCase() === 'content-disposition') disposition = value!;
  }
  throw malformed(`a part has more than ${MOST_HEADERS} headers`);
}

function parseDisposition(disposition: string | null): PartHeaders {
  if (disposition === null || !/^form-data\s*(;|$)/i.test(disposition))
    throw malformed('a part has no Content-Disposition: form-data');
  const name = parameterOf(disposition, 'name');
  if (name === null) throw malformed('a part has no name');
  return { name, filename: parameterOf(disposition, 'filename') };
}

/** `%22` is how browsers and curl write a quotation mark. */
function parameterOf(disposition: string, parameter: string): string | null {
  const pattern = new RegExp(`;\\s*${parameter}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s";]+))`, 'i');
  const found = pattern.exec(disposition);
  if (!found) return null;
  return (found[1]?.replace(/\\(["\\])/g, '$1').replaceAll('%22', '"') ?? found[2])!;
}

function textOf(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (!Buffer.from(text).equals(bytes)) throw malformed('a field is not UTF-8');
  return text;
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 40));
}

function malformed(why: string): Error {
  return tracesErrors.create('TRACE_FORM_MALFORMED', { why });
}
