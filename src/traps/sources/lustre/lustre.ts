/** The source that looks at a node's Lustre every few seconds. */
import { messageOf, pause } from '#base';
import type { RunningSource, TrapSink } from '../port.ts';
import { LustreMemory, type LustreMemoryOptions } from './memory.ts';
import { readOfDevices, type TreeFiles, type TreeLook, treeLooker } from './tree.ts';

export interface LustreOptions extends LustreMemoryOptions {
  /** Before all paths; `''` but for trees that were copied. */
  readonly root: string;
  readonly pollMs: number;
  readonly files: TreeFiles;
  readonly sink: TrapSink;
  readonly nowMs: () => number;
  /** Since the node was started; the same for all processes on it. */
  readonly bootMs: () => number;
  /** Something was taken in. */
  readonly onTaken: () => void;
  readonly onFault: (problem: string) => void;
  /** The first look found no Lustre. */
  readonly onNone: () => void;
}

export class Lustre implements RunningSource {
  readonly #options: LustreOptions;
  readonly #memory: LustreMemory;
  readonly #lookAtTree: () => Promise<TreeLook>;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  #hasLooked = false;

  constructor(options: LustreOptions) {
    this.#options = options;
    this.#memory = new LustreMemory(options);
    this.#lookAtTree = treeLooker(options.files, options.root);
    this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  /**
   * At whole multiples of the interval since the node's start: collectors on one node see a change
   * with the same look, and give it the same id.
   */
  async #run(): Promise<void> {
    const { pollMs, bootMs, onFault } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const tick = Math.round(bootMs() / pollMs);
      await this.#look(tick).catch((error) => onFault(messageOf(error)));
      await pause(Math.max(1, (tick + 1) * pollMs - bootMs()), signal);
    }
  }

  async #look(tick: number): Promise<void> {
    const { files, root, sink, nowMs, onTaken, onNone } = this.#options;
    const look = await this.#lookAtTree();
    const changed = this.#memory.importsChanged(look);
    if (changed.length > 0) {
      this.#memory.learnConnections(await readOfDevices(files, root, changed, 'import'));
    }
    const { traps, nodes } = this.#memory.digest(look, tick, nowMs());
    if (nodes.length === 0 && !this.#hasLooked) onNone();
    this.#hasLooked = true;
    for (const node of nodes) sink.observe(node);
    for (const trap of traps) sink.accept(trap);
    if (traps.length > 0) onTaken();
  }
}
