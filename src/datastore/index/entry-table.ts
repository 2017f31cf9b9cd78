/**
 * The index in memory: columns, not objects, so that a million entries take about 150 MB and can be
 * sorted in tenths of a second. Of several records of one entry the latest counts.
 */
import { HASH_BYTES, type IndexRecord, type RecordView } from './record.ts';

const WORDS = HASH_BYTES / 4;
const FEWEST = 1024;
/** A typical key with its owner. */
const TEXT_BYTES = 64;

export class EntryTable {
  /** Rows, also of entries that are gone. */
  rows = 0;
  #capacity: number;
  #slots: Int32Array;
  #hashes: Buffer;
  #words: Uint32Array;
  #texts: Buffer;
  #textBytes = 0;
  #textAt: Float64Array;
  #keyBytes: Uint16Array;
  #ownerBytes: Uint16Array;
  #moments: Float64Array;
  here: Uint8Array;
  bytes: Float64Array;
  stored: Float64Array;
  accessed: Float64Array;
  /** The first 48 bits of the content's SHA-256. */
  contents: Float64Array;

  constructor(expected = FEWEST) {
    this.#capacity = 2 ** Math.ceil(Math.log2(Math.max(FEWEST, expected)));
    const rows = this.#capacity;
    this.#slots = new Int32Array(rows * 2).fill(-1);
    this.#hashes = Buffer.alloc(rows * HASH_BYTES);
    this.#words = wordsOf(this.#hashes);
    this.#texts = Buffer.alloc(rows * TEXT_BYTES);
    this.#textAt = new Float64Array(rows);
    this.#keyBytes = new Uint16Array(rows);
    this.#ownerBytes = new Uint16Array(rows);
    this.#moments = new Float64Array(rows);
    this.here = new Uint8Array(rows);
    this.bytes = new Float64Array(rows);
    this.stored = new Float64Array(rows);
    this.accessed = new Float64Array(rows);
    this.contents = new Float64Array(rows);
  }

  /** Takes a record that lies in `block`. */
  take(block: Buffer, view: RecordView): void {
    const slot = this.#slotOf(block, view.hashAt);
    let row = this.#slots[slot]!;
    if (row < 0) row = this.#add(slot, block, view);
    else if (view.atMs < this.#moments[row]!) {
      this.accessed[row] = Math.max(this.accessed[row]!, view.accessedAtMs);
      return;
    }
    this.#moments[row] = view.atMs;
    this.here[row] = view.isHere ? 1 : 0;
    this.bytes[row] = view.bytes;
    this.stored[row] = view.storedAtMs;
    this.accessed[row] = Math.max(this.accessed[row]!, view.accessedAtMs);
    this.contents[row] = view.content;
  }

  hashOf(row: number): string {
    return this.#hashes.toString('hex', row * HASH_BYTES, (row + 1) * HASH_BYTES);
  }

  keyOf(row: number): string {
    const at = this.#textAt[row]!;
    return this.#texts.toString('utf8', at, at + this.#keyBytes[row]!);
  }

  ownerOf(row: number): string {
    const at = this.#textAt[row]! + this.#keyBytes[row]!;
    return this.#texts.toString('utf8', at, at + this.#ownerBytes[row]!);
  }

  /** Where the key's bytes lie, for sorting and searching without making texts. */
  keyBytesOf(row: number): Buffer {
    const at = this.#textAt[row]!;
    return this.#texts.subarray(at, at + this.#keyBytes[row]!);
  }

  /** As `Buffer.compare` has their keys, without a view of either. */
  compareKeys(a: number, b: number): number {
    const [from, other] = [this.#textAt[a]!, this.#textAt[b]!];
    const [end, otherEnd] = [from + this.#keyBytes[a]!, other + this.#keyBytes[b]!];
    return this.#texts.compare(this.#texts, other, otherEnd, from, end);
  }

  /** Byte `index` of the key, or -1 behind its end. */
  keyByteAt(row: number, index: number): number {
    return index < this.#keyBytes[row]! ? this.#texts[this.#textAt[row]! + index]! : -1;
  }

  momentOf(row: number): number {
    return this.#moments[row]!;
  }

  recordOf(row: number): IndexRecord {
    return {
      isHere: this.here[row] === 1,
      atMs: this.#moments[row]!,
      hash: this.hashOf(row),
      sha256: this.contents[row]!.toString(16).padStart(12, '0').match(/../g)!.reverse().join(''),
      bytes: this.bytes[row]!,
      storedAtMs: this.stored[row]!,
      accessedAtMs: this.accessed[row]!,
      key: this.keyOf(row),
      owner: this.ownerOf(row),
    };
  }

  /** Of a hash in hex; -1: unknown. */
  rowOf(hash: string): number {
    const bytes = Buffer.from(hash, 'hex');
    return bytes.length === HASH_BYTES ? this.#slots[this.#slotOf(bytes, 0)]! : -1;
  }

  /** Where the row of a hash stands, or where it would. Hashes spread by themselves. */
  #slotOf(block: Buffer, at: number): number {
    const mask = this.#slots.length - 1;
    let slot = block.readUInt32LE(at) & mask;
    for (;;) {
      const row = this.#slots[slot]!;
      if (row < 0 || this.#isHash(row, block, at)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #isHash(row: number, block: Buffer, at: number): boolean {
    for (let word = 0; word < WORDS; word++) {
      if (this.#words[row * WORDS + word] !== block.readUInt32LE(at + word * 4)) return false;
    }
    return true;
  }

  #add(slot: number, block: Buffer, view: RecordView): number {
    if (this.rows === this.#capacity) {
      this.#grow();
      return this.#add(this.#slotOf(block, view.hashAt), block, view);
    }
    const row = this.rows++;
    this.#slots[slot] = row;
    block.copy(this.#hashes, row * HASH_BYTES, view.hashAt, view.hashAt + HASH_BYTES);
    const textBytes = view.keyBytes + view.ownerBytes;
    this.#makeRoomForText(textBytes);
    block.copy(this.#texts, this.#textBytes, view.keyAt, view.keyAt + textBytes);
    this.#textAt[row] = this.#textBytes;
    this.#keyBytes[row] = view.keyBytes;
    this.#ownerBytes[row] = view.ownerBytes;
    this.#textBytes += textBytes;
    return row;
  }

  #makeRoomForText(bytes: number): void {
    if (this.#textBytes + bytes <= this.#texts.length) return;
    const larger = Buffer.alloc(Math.max(this.#texts.length * 1.5, this.#textBytes + bytes));
    this.#texts.copy(larger, 0, 0, this.#textBytes);
    this.#texts = larger;
  }

  #grow(): void {
    this.#capacity *= 2;
    const hashes = Buffer.alloc(this.#capacity * HASH_BYTES);
    this.#hashes.copy(hashes);
    this.#hashes = hashes;
    this.#words = wordsOf(hashes);
    const longer = (column: Float64Array) => {
      const grown = new Float64Array(this.#capacity);
      grown.set(column);
      return grown;
    };
    this.#textAt = longer(this.#textAt);
    this.#moments = longer(this.#moments);
    this.bytes = longer(this.bytes);
    this.stored = longer(this.stored);
    this.accessed = longer(this.accessed);
    this.contents = longer(this.contents);
    const [keyBytes, ownerBytes] = [this.#keyBytes, this.#ownerBytes];
    this.#keyBytes = new Uint16Array(this.#capacity);
    this.#keyBytes.set(keyBytes);
    this.#ownerBytes = new Uint16Array(this.#capacity);
    this.#ownerBytes.set(ownerBytes);
    const here = new Uint8Array(this.#capacity);
    here.set(this.here);
    this.here = here;
    this.#slots = new Int32Array(this.#capacity * 2).fill(-1);
    for (let row = 0; row < this.rows; row++) {
      this.#slots[this.#slotOf(this.#hashes, row * HASH_BYTES)] = row;
    }
  }
}

function wordsOf(bytes: Buffer): Uint32Array {
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}
