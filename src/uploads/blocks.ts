/**
 * Memory in which uploads lie on their way from the socket: the file is written from it and the digest made
 * from it, so that nothing is read again. Blocks are used in turn, by all uploads of a store.
 */

/** So much is written at once. Half of it costs a fifth more CPU in handing it over; twice as much gains little. */
export const BLOCK_BYTES = 2 ** 20;

export interface Block {
  readonly bytes: Buffer<SharedArrayBuffer>;
  /** At the beginning of a page, as a disk takes it without the system's copy. */
  readonly isAligned: boolean;
}

/** Resident only when they were used. What comes beside them has memory of its own, not aligned. */
const ALIGNED_BLOCKS = 32;
/** The unit of WebAssembly's memories: the only ones of JavaScript that begin with a page. */
const UNIT_BYTES = 2 ** 16;

/** What is used of it; types of it come with a browser's alone. */
interface Wasm {
  readonly Memory: new (
    units: Readonly<{ initial: number; maximum: number; shared: true }>,
  ) => { readonly buffer: SharedArrayBuffer };
}

export class Blocks {
  #free: Block[] | null = null;

  /** Whether the next would have to be made. */
  get isScarce(): boolean {
    return this.#free?.length === 0;
  }

  /** What is in it is left over from others. */
  take(): Block {
    this.#free ??= alignedBlocks();
    const bytes = () => Buffer.from(new SharedArrayBuffer(BLOCK_BYTES));
    return this.#free.pop() ?? { bytes: bytes(), isAligned: false };
  }

  /** The one that was used last is used next: it is in the processor's cache. */
  give(block: Block): void {
    if (block.isAligned) this.#free!.push(block);
  }
}

function alignedBlocks(): Block[] {
  const units = (ALIGNED_BLOCKS * BLOCK_BYTES) / UNIT_BYTES;
  try {
    const { Memory } = (globalThis as unknown as { WebAssembly: Wasm }).WebAssembly;
    const { buffer } = new Memory({ initial: units, maximum: units, shared: true });
    return Array.from({ length: ALIGNED_BLOCKS }, (_, index) => ({
      bytes: Buffer.from(buffer, index * BLOCK_BYTES, BLOCK_BYTES),
      isAligned: true,
    }));
  } catch {
    // It reserves much more of the addresses than it takes memory; a limit on them forbids that.
    return [];
  }
}
