import { crc32 } from 'node:zlib';
import { tableErrors } from '../errors.ts';
import { TABLE_FORMATS, type TableFormat } from './format.ts';

/** Rows between two remembered offsets: 10 million rows cost 1.25 MB. */
export const STRIDE = 64;

/** What one pass over a table learns: enough to read any row later, and to name the file. */
export interface TableIndex {
  readonly format: TableFormat;
  readonly columns: readonly string[];
  readonly rows: number;
  /** Size of the whole file. */
  readonly bytes: number;
  /** SHA-256 of the whole file, lower-case hex. */
  readonly sha256: string;
  readonly stride: number;
  /** Byte offsets of rows 0, stride, 2 × stride …, then the offset just after the last row. */
  readonly offsets: Float64Array;
}

// Layout, little endian: "WTIX", version u32, crc32 u32 of all that follows, header bytes u32,
// header (JSON), offsets (f64 each).
const MAGIC = 0x58495457;
const VERSION = 1;
const PREFIX_BYTES = 16;

/** The index as bytes, to lie beside the table. */
export function encodeIndex(index: TableIndex): Buffer {
  const { offsets, ...rest } = index;
  const header = Buffer.from(JSON.stringify(rest));
  const out = Buffer.alloc(PREFIX_BYTES + header.length + offsets.length * 8);
  out.writeUInt32LE(MAGIC, 0);
  out.writeUInt32LE(VERSION, 4);
  out.writeUInt32LE(header.length, 12);
  header.copy(out, PREFIX_BYTES);
  for (let i = 0; i < offsets.length; i++) {
    out.writeDoubleLE(offsets[i]!, PREFIX_BYTES + header.length + i * 8);
  }
  out.writeUInt32LE(crc32(out.subarray(12)), 8);
  return out;
}

/** Reads `encodeIndex`'s bytes. @throws TABLE_INDEX_DAMAGED */
export function decodeIndex(bytes: Uint8Array): TableIndex {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (data.length < PREFIX_BYTES) throw damaged(`${data.length} bytes`, 'an index');
  if (data.readUInt32LE(0) !== MAGIC) throw damaged('other bytes', 'the mark WTIX');
  const version = data.readUInt32LE(4);
  if (version !== VERSION) throw damaged(`version ${version}`, `version ${VERSION}`);
  const checksum = crc32(data.subarray(12));
  if (checksum !== data.readUInt32LE(8)) {
    throw damaged(`checksum ${checksum}`, `${data.readUInt32LE(8)}`);
  }
  return decodeBody(data);
}

function decodeBody(data: Buffer): TableIndex {
  const headerEnd = PREFIX_BYTES + data.readUInt32LE(12);
  const header = JSON.parse(data.toString('utf8', PREFIX_BYTES, headerEnd)) as Omit<
    TableIndex,
    'offsets'
  >;
  const count = (data.length - headerEnd) / 8;
  const expected = Math.ceil(header.rows / header.stride) + 1;
  if (count !== expected || !TABLE_FORMATS.includes(header.format)) {
    throw damaged(`${count} offsets`, `${expected}`);
  }
  const offsets = new Float64Array(count);
  for (let i = 0; i < count; i++) offsets[i] = data.readDoubleLE(headerEnd + i * 8);
  return { ...header, offsets };
}

function damaged(found: string, expected: string): Error {
  return tableErrors.create('TABLE_INDEX_DAMAGED', { found, expected });
}
