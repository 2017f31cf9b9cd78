/**
 * The index in memory: columns, not objects, so that a million entries take about 150 MB and can be
 * sorted in tenths of a second. Of several records of one entry the latest counts.
 */
import { HASH_BYTES, type IndexRecord, type RawRecord, type RecordView } from './record.ts';

const WORDS = HASH_BYTES / 4;
const FEWEST = 1024;
/** A typical key with its owner. */
const TEXT_BYTES = 64;

export class EntryTable {
  /** Rows, also of entries that are gone. */
  rows = 0;
  #capacity: number;
  /** By turns a row and the first word of its hash, so that a miss is seen without looking at the row. */
  #slots: Int32Array;
  #hashes: Buffer;
  #words: Uint32Array;
  #texts: Buffer;
  /** The same bytes, read as words. */
  #textWords: DataView;
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
    this.#slots = emptySlots(rows);
    this.#hashes = Buffer.alloc(rows * HASH_BYTES);
    this.#words = wordsOf(this.#hashes);
    this.#texts = Buffer.alloc(rows * TEXT_BYTES);
    this.#textWords = viewOf(this.#texts);
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
    const slot = this.#slotOf(view.data, view.hashAt);
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

  /** As `Buffer.compare` has their keys, which agree up to byte `from`. */
  compareKeys(a: number, b: number, from: number): number {
    const texts = this.#texts;
    const [atA, atB] = [this.#textAt[a]!, this.#textAt[b]!];
    const [bytesA, bytesB] = [this.#keyBytes[a]!, this.#keyBytes[b]!];
    const both = Math.min(bytesA, bytesB);
    for (let index = from; index < both; index++) {
      const difference = texts[atA + index]! - texts[atB + index]!;
      if (difference !== 0) return difference;
    }
    return bytesA - bytesB;
  }

  /**
   * How far the keys of `rows` from `begin` to `end` agree with the first of all: not further than
   * `most`, and they do up to `from`. Addresses begin alike.
   */
  commonKeyBytes(
    rows: Uint32Array,
    from: number,
    begin: number,
    end: number,
    most: number,
  ): number {
    const texts = this.#texts;
    const words = this.#textWords;
    const first = this.#textAt[rows[0]!]!;
    let common = Math.min(most, this.#keyBytes[rows[0]!]!);
    for (let at = begin; at < end && common > from; at++) {
      const row = rows[at]!;
      const text = this.#textAt[row]!;
      const both = Math.min(common, this.#keyBytes[row]!);
      let index = from;
      while (index + 4 <= both && words.getInt32(text + index) === words.getInt32(first + index)) {
        index += 4;
      }
      while (index < both && texts[text + index] === texts[first + index]) index++;
      common = index;
    }
    return common;
  }

  /**
   * Eight bytes of the keys of `rows` from `begin` to `end`, from byte `from` on, as two numbers that
   * compare as the bytes do; zeros behind a key's end.
   */
  readKeyWords(
    rows: Uint32Array,
    from: number,
    begin: number,
    end: number,
    high: Uint32Array,
    low: Uint32Array,
  ): void {
    const words = this.#textWords;
    for (let at = begin; at < end; at++) {
      const row = rows[at]!;
      const first = this.#textAt[row]! + from;
      const last = this.#textAt[row]! + this.#keyBytes[row]!;
      if (first + 8 <= last) {
        high[at] = words.getUint32(first);
        low[at] = words.getUint32(first + 4);
      } else {
        high[at] = this.#lastWord(first, last);
        low[at] = this.#lastWord(first + 4, last);
      }
    }
  }

  #lastWord(begin: number, end: number): number {
    let word = 0;
    for (let at = begin; at < begin + 4; at++)
      word = (word << 8) | (at < end ? this.#texts[at]! : 0);
    return word;
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

  /** As it is written into a log; good while nothing is added. */
  rawRecordOf(row: number): RawRecord {
    const key = this.keyBytesOf(row);
    const ownerAt = this.#textAt[row]! + key.length;
    return {
      isHere: this.here[row] === 1,
      atMs: this.#moments[row]!,
      hash: this.#hashes.subarray(row * HASH_BYTES, (row + 1) * HASH_BYTES),
      content: this.contents[row]!,
      bytes: this.bytes[row]!,
      storedAtMs: this.stored[row]!,
      accessedAtMs: this.accessed[row]!,
      key,
      owner: this.#texts.subarray(ownerAt, ownerAt + this.#ownerBytes[row]!),
    };
  }

  /** Of a hash in hex; -1: unknown. */
  rowOf(hash: string): number {
    const bytes = Buffer.from(hash, 'hex');
    return bytes.length === HASH_BYTES ? this.#slots[this.#slotOf(viewOf(bytes), 0)]! : -1;
  }

  /** Where the row of a hash stands, or where it would. Hashes spread by themselves. */
  #slotOf(data: DataView, at: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    const word = data.getInt32(at, true);
    for (let slot = (word << 1) & mask; ; slot = (slot + 2) & mask) {
      const row = slots[slot]!;
      if (row < 0 || (slots[slot + 1] === word && this.#isHash(row, data, at))) return slot;
    }
  }

  #isHash(row: number, data: DataView, at: number): boolean {
    for (let word = 1; word < WORDS; word++) {
      if (this.#words[row * WORDS + word] !== data.getUint32(at + word * 4, true)) return false;
    }
    return true;
  }

  #add(slot: number, block: Buffer, view: RecordView): number {
    if (this.rows === this.#capacity) {
      this.#grow();
      return this.#add(this.#slotOf(view.data, view.hashAt), block, view);
    }
    const row = this.rows++;
    this.#slots[slot] = row;
    this.#slots[slot + 1] = view.data.getInt32(view.hashAt, true);
    for (let word = 0; word < WORDS; word++) {
      this.#words[row * WORDS + word] = view.data.getUint32(view.hashAt + word * 4, true);
    }
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
    this.#textWords = viewOf(larger);
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
    this.#slots = emptySlots(this.#capacity);
    const data = viewOf(hashes);
    for (let row = 0; row < this.rows; row++) {
      const slot = this.#slotOf(data, row * HASH_BYTES);
      this.#slots[slot] = row;
      this.#slots[slot + 1] = data.getInt32(row * HASH_BYTES, true);
    }
  }
}

/** Half of them stay empty. */
function emptySlots(rows: number): Int32Array {
  return new Int32Array(rows * 4).fill(-1);
}

export function viewOf({ buffer, byteOffset, byteLength }: Buffer): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

function wordsOf(bytes: Buffer): Uint32Array {
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}
