/**
 * What V8 made of a bundle's parts, kept from one process to the next of the same use. Node.js' own
 * compile cache keeps code as it is before it ran, without the functions inside; these are compiled
 * when they are called first, which was a seventh of the CPU time of a start. This one keeps what
 * there is some time after the start: measured on 2 cores, a sweep's first program runs 60 ms sooner.
 *
 * One file, integers little-endian: magic "WCOD", CRC-32 of all that follows, length of the index,
 * the index in JSON ([name, offset, bytes] of each part), then the code, each piece at a multiple of 8.
 * What is damaged, or of another V8, is made anew.
 */
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { cachedDataVersionTag } from 'node:v8';
import type { Script } from 'node:vm';
import { crc32 } from 'node:zlib';

const MAGIC = 0x444f_4357;
const HEAD_BYTES = 12;
/** What a bundle's uses may fill; whoever calls a hundred commands that do not exist gains nothing. */
const MOST_USES = 64;
/** Of a build that kept nothing new for so long, another one removes the code; who still uses it makes it anew. */
const UNUSED_AFTER_MS = 30 * 24 * 3_600_000;

type Entry = readonly [name: string, offset: number, bytes: number];

export class CodeCache {
  readonly #directory: string | null;
  readonly #use: string;
  readonly #kept: ReadonlyMap<string, Buffer>;
  readonly #scripts = new Map<string, Script>();
  /** Whether a part ran of which no code was kept, or none that V8 takes. */
  #isStale = false;
  /** Of V8 and its options. Who changes them as it runs makes code that the next start cannot take. */
  readonly #versionTag = cachedDataVersionTag();
  #isOver = false;

  /** `directory` is this bundle's own, made when something is kept; with null nothing is. */
  constructor(directory: string | null, use: string) {
    this.#directory = directory;
    this.#use = use;
    this.#kept = directory === null ? new Map() : readKept(join(directory, use));
  }

  /** What was kept of a part. */
  codeOf(name: string): Buffer | undefined {
    return this.#kept.get(name);
  }

  /** `script` is what became of a part with the code that was kept of it, if there was any. */
  note(name: string, script: Script): void {
    this.#scripts.set(name, script);
    if (script.cachedDataRejected || !this.#kept.has(name)) this.#isStale = true;
  }

  /**
   * Keeps the code of all parts that were noted, unless it was there, and what was kept of others: one
   * use of a command does not load what the next one does. Only the first call counts, since V8 forgets
   * functions that were not called for long. It never throws.
   */
  keep(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#directory === null || !this.#isStale) return;
    if (cachedDataVersionTag() !== this.#versionTag) return;
    try {
      writeKept(this.#directory, this.#use, this.#pieces());
    } catch {
      // A full disk, a home that is not writable: the next start compiles again.
    }
  }

  #pieces(): [name: string, code: Buffer][] {
    const pieces = new Map(this.#kept);
    for (const [name, script] of this.#scripts) pieces.set(name, script.createCachedData());
    return [...pieces];
  }
}

function readKept(file: string): ReadonlyMap<string, Buffer> {
  try {
    const bytes = readFileSync(file);
    if (bytes.readUInt32LE(0) !== MAGIC) return new Map();
    if (bytes.readUInt32LE(4) !== crc32(bytes.subarray(8))) return new Map();
    const indexEnd = HEAD_BYTES + bytes.readUInt32LE(8);
    const index: Entry[] = JSON.parse(bytes.toString('utf8', HEAD_BYTES, indexEnd));
    const start = aligned(indexEnd);
    return new Map(
      index.map(([name, offset, length]) => [
        name,
        bytes.subarray(start + offset, start + offset + length),
      ]),
    );
  } catch {
    return new Map();
  }
}

function writeKept(
  directory: string,
  use: string,
  pieces: readonly [name: string, code: Buffer][],
): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const uses = readdirSync(directory);
  if (!uses.includes(use) && uses.length >= MOST_USES) return;
  let end = 0;
  const index = pieces.map(([name, code]): Entry => {
    const offset = end;
    end = aligned(offset + code.length);
    return [name, offset, code.length];
  });
  const json = Buffer.from(JSON.stringify(index));
  const start = aligned(HEAD_BYTES + json.length);
  const bytes = Buffer.alloc(start + end);
  bytes.writeUInt32LE(MAGIC, 0);
  bytes.writeUInt32LE(json.length, 8);
  json.copy(bytes, HEAD_BYTES);
  for (const [at, [, code]] of pieces.entries()) code.copy(bytes, start + index[at]![1]);
  bytes.writeUInt32LE(crc32(bytes.subarray(8)), 4);
  const partial = join(directory, `.${use}.${process.pid}`);
  try {
    writeFileSync(partial, bytes, { mode: 0o600 });
    renameSync(partial, join(directory, use));
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
  removeUnused(directory);
}

function removeUnused(ours: string): void {
  const all = dirname(ours);
  for (const name of readdirSync(all)) {
    if (name === basename(ours)) continue;
    const directory = join(all, name);
    if (Date.now() - statSync(directory).mtimeMs > UNUSED_AFTER_MS) {
      rmSync(directory, { recursive: true, force: true });
    }
  }
}

/** V8 takes code at such places as it lies, without a copy. */
function aligned(offset: number): number {
  return Math.ceil(offset / 8) * 8;
}
