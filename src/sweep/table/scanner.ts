import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { systemCodeOf, systemReasonOf, WindrowError } from '#base';
import { tableErrors } from '../errors.ts';
import { SEPARATOR, type TableFormat } from './format.ts';
import { JsonLines } from './json-lines.ts';
import { PlainLines } from './line-rows.ts';
import type { RowScanner } from './row-offsets.ts';
import { SeparatedRows } from './separated-rows.ts';
import { STRIDE, type TableIndex } from './table-index.ts';

const BOM_BYTES = 3;
const CHUNK_BYTES = 2 ** 20;

/**
 * Checks a table in one pass over its bytes, as they come, and makes its index. What it reports
 * does not depend on how the bytes are cut into chunks. Memory: 8 bytes per 64 rows.
 */
export class TableScanner {
  readonly #format: TableFormat;
  readonly #file: string;
  readonly #hash = createHash('sha256');
  #rows: RowScanner | undefined;
  /** Bytes of a character whose end has not come yet. */
  #carry: Buffer = Buffer.alloc(0);
  #bytes = 0;

  /** `file` is what messages call the table. */
  constructor({ format, file }: { format: TableFormat; file: string }) {
    this.#format = format;
    this.#file = file;
  }

  /** The columns, as soon as the header has come. */
  get columns(): readonly string[] | undefined {
    return this.#rows?.columns;
  }

  /** Takes the next bytes. @throws an error of `tableErrors` that names the first fault. */
  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.#hash.update(bytes);
    const joined = this.#carry.length === 0 ? bytes : Buffer.concat([this.#carry, bytes]);
    const whole = joined.length - openCharacterBytes(joined);
    this.#carry = Buffer.from(joined.subarray(whole));
    this.#take(joined.subarray(0, whole));
  }

  /** Ends the table. @throws an error of `tableErrors` */
  end(): TableIndex {
    if (this.#carry.length > 0) throw this.#invalid(this.#bytes);
    this.#rows ??= this.#scannerFrom(0);
    const found = this.#rows.end();
    return {
      format: this.#format,
      columns: found.columns,
      rows: found.rows,
      bytes: this.#bytes,
      sha256: this.#hash.digest('hex'),
      stride: STRIDE,
      offsets: found.offsets,
    };
  }

  #take(bytes: Buffer): void {
    if (bytes.length === 0) return;
    let rest = bytes;
    if (!this.#rows) {
      const hasBom = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
      this.#rows = this.#scannerFrom(hasBom ? BOM_BYTES : 0);
      if (hasBom) rest = bytes.subarray(BOM_BYTES);
    }
    const fault = firstFault(rest);
    const skipped = bytes.length - rest.length;
    this.#rows.scan(fault === -1 ? rest : rest.subarray(0, fault));
    if (fault === -1) this.#bytes += bytes.length;
    else if (rest[fault] === 0) throw this.#nul(this.#bytes + skipped + fault);
    else throw this.#invalid(this.#bytes + skipped + fault);
  }

  #scannerFrom(start: number): RowScanner {
    if (this.#format === 'lines') return new PlainLines(this.#file, start);
    if (this.#format === 'jsonl') return new JsonLines(this.#file, start);
    return new SeparatedRows(this.#file, SEPARATOR[this.#format], start);
  }

  #nul(byte: number): Error {
    return tableErrors.create('TABLE_NUL_BYTE', { ...this.#place(), byte });
  }

  #invalid(byte: number): Error {
    return tableErrors.create('TABLE_INVALID_UTF8', { ...this.#place(), byte });
  }

  #place(): { file: string; line: number } {
    return { file: this.#file, line: this.#rows?.line ?? 1 };
  }
}

/** Scans a whole file. @throws an error of `tableErrors` */
export async function scanTable(
  path: string,
  format: TableFormat,
  file = path,
): Promise<TableIndex> {
  const scanner = new TableScanner({ format, file });
  try {
    const stream = createReadStream(path, { highWaterMark: CHUNK_BYTES });
    for await (const chunk of stream) scanner.push(chunk as Buffer);
  } catch (error) {
    const code = systemCodeOf(error);
    if (error instanceof WindrowError || code === undefined) throw error;
    throw tableErrors.create('TABLE_UNREADABLE', { file, found: systemReasonOf(error) });
  }
  return scanner.end();
}

/** How many bytes at the end begin a UTF-8 character that is not complete, 0 to 3. */
function openCharacterBytes(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) {
      const expected = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return expected > back ? back : 0;
    }
  }
  return 0;
}

/** Index of the first byte that is NUL or belongs to no valid UTF-8 character, or -1. */
function firstFault(bytes: Buffer): number {
  const nul = bytes.indexOf(0);
  const text = nul === -1 ? bytes : bytes.subarray(0, nul);
  if (isUtf8(text)) return nul;
  // Halve the part that holds the fault: characters are at most 4 bytes, so a cut is moved back
  // to the beginning of one.
  let valid = 0;
  let faulty = text.length;
  while (faulty - valid > 4) {
    const middle = characterStart(text, valid + ((faulty - valid) >> 1));
    if (middle <= valid) break;
    if (isUtf8(text.subarray(valid, middle))) valid = middle;
    else faulty = middle;
  }
  return firstInvalid(text, valid);
}

function characterStart(bytes: Buffer, at: number): number {
  let start = at;
  while (start > 0 && at - start < 3 && (bytes[start]! & 0xc0) === 0x80) start--;
  return start;
}

function firstInvalid(text: Buffer, from: number): number {
  let at = from;
  for (;;) {
    const lead = text[at]!;
    const length = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (!isUtf8(text.subarray(at, at + length)) || at + length > text.length) return at;
    at += length;
  }
}
