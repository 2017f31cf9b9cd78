/**
 * One record of the index: what an entry was at a moment. Little endian:
 *
 *   u16 length of the record   u32 CRC-32 of what follows   u8 1: here, 0: gone
 *   f64 moment of the record   32 bytes hash   6 bytes of the content's SHA-256
 *   f64 bytes   f64 stored   f64 last access   u16 length of the key   key   owner
 */
import { crc32 } from 'node:zlib';

export const HASH_BYTES = 32;
const FIXED_BYTES = 2 + 4 + 1 + 8 + HASH_BYTES + 6 + 8 + 8 + 8 + 2;
const CRC_AT = 2;
const STATE_AT = 6;
const MOMENT_AT = 7;
const HASH_AT = 15;
const CONTENT_AT = HASH_AT + HASH_BYTES;
const BYTES_AT = CONTENT_AT + 6;
const STORED_AT = BYTES_AT + 8;
const ACCESSED_AT = STORED_AT + 8;
const KEY_LENGTH_AT = ACCESSED_AT + 8;
const KEY_AT = KEY_LENGTH_AT + 2;

export interface IndexRecord {
  readonly isHere: boolean;
  readonly atMs: number;
  /** Hex. */
  readonly hash: string;
  /** Hex; its beginning tells which entries share their bytes. */
  readonly sha256: string;
  readonly bytes: number;
  readonly storedAtMs: number;
  readonly accessedAtMs: number;
  readonly key: string;
  readonly owner: string;
}

/** A record where it lies in a block; read only while the block is. */
export interface RecordView {
  /** The block, for reading numbers. */
  readonly data: DataView;
  isHere: boolean;
  atMs: number;
  /** Where the 32 bytes of the hash begin. */
  hashAt: number;
  content: number;
  bytes: number;
  storedAtMs: number;
  accessedAtMs: number;
  keyAt: number;
  keyBytes: number;
  ownerBytes: number;
}

/** A record as its bytes are: to be written without making texts of them. */
export interface RawRecord {
  readonly isHere: boolean;
  readonly atMs: number;
  readonly hash: Uint8Array;
  /** The first 48 bits of the content's SHA-256, the lowest byte first. */
  readonly content: number;
  readonly bytes: number;
  readonly storedAtMs: number;
  readonly accessedAtMs: number;
  readonly key: Uint8Array;
  readonly owner: Uint8Array;
}

export function encodeRecord(record: IndexRecord): Buffer {
  const key = Buffer.from(record.key);
  const owner = Buffer.from(record.owner);
  const hash = Buffer.from(record.hash, 'hex');
  const content = Buffer.from(record.sha256.slice(0, 12), 'hex').readUIntLE(0, 6);
  const bytes = Buffer.allocUnsafe(FIXED_BYTES + key.length + owner.length);
  writeRecord(bytes, 0, { ...record, hash, content, key, owner });
  return bytes;
}

/** Writes at `at` of a block and answers with how many bytes it took; -1: there is no room. */
export function writeRecord(block: Buffer, at: number, record: RawRecord): number {
  const { key, owner } = record;
  const length = FIXED_BYTES + key.length + owner.length;
  if (at + length > block.length) return -1;
  block.writeUInt16LE(length, at);
  block.writeUInt8(record.isHere ? 1 : 0, at + STATE_AT);
  block.writeDoubleLE(record.atMs, at + MOMENT_AT);
  block.set(record.hash, at + HASH_AT);
  block.writeUIntLE(record.content, at + CONTENT_AT, 6);
  block.writeDoubleLE(record.bytes, at + BYTES_AT);
  block.writeDoubleLE(record.storedAtMs, at + STORED_AT);
  block.writeDoubleLE(record.accessedAtMs, at + ACCESSED_AT);
  block.writeUInt16LE(key.length, at + KEY_LENGTH_AT);
  block.set(key, at + KEY_AT);
  block.set(owner, at + KEY_AT + key.length);
  block.writeUInt32LE(crc32(block.subarray(at + STATE_AT, at + length)), at + CRC_AT);
  return length;
}

/**
 * Reads records up to the first that is not whole, and answers with how many bytes they took. Torn
 * and damaged ones end the reading: what is behind them is found again when the store is walked.
 */
export function readRecords(block: Buffer, take: (view: RecordView) => void): number {
  const data = new DataView(block.buffer, block.byteOffset, block.length);
  const view: RecordView = {
    data,
    isHere: false,
    atMs: 0,
    hashAt: 0,
    content: 0,
    bytes: 0,
    storedAtMs: 0,
    accessedAtMs: 0,
    keyAt: 0,
    keyBytes: 0,
    ownerBytes: 0,
  };
  let at = 0;
  while (at + FIXED_BYTES <= block.length) {
    const length = data.getUint16(at, true);
    if (length < FIXED_BYTES || at + length > block.length) break;
    const sum = crc32(block.subarray(at + STATE_AT, at + length));
    if (sum !== data.getUint32(at + CRC_AT, true)) break;
    view.isHere = block[at + STATE_AT] === 1;
    view.atMs = data.getFloat64(at + MOMENT_AT, true);
    view.hashAt = at + HASH_AT;
    view.content =
      data.getUint32(at + CONTENT_AT, true) + data.getUint16(at + CONTENT_AT + 4, true) * 2 ** 32;
    view.bytes = data.getFloat64(at + BYTES_AT, true);
    view.storedAtMs = data.getFloat64(at + STORED_AT, true);
    view.accessedAtMs = data.getFloat64(at + ACCESSED_AT, true);
    view.keyAt = at + KEY_AT;
    view.keyBytes = Math.min(data.getUint16(at + KEY_LENGTH_AT, true), length - FIXED_BYTES);
    view.ownerBytes = length - FIXED_BYTES - view.keyBytes;
    take(view);
    at += length;
  }
  return at;
}
