/** The nodes and file systems that were heard of; a hundred thousand of them in little memory. */
import type { TrapRecord } from '#model';
import type { NodeReport } from '../report.ts';

export interface NodeView {
  readonly name: string;
  readonly fileSystems: readonly string[];
  readonly state: string;
  readonly health: string;
  /** Null where nobody said. */
  readonly freeBytes: number | null;
  readonly totalBytes: number | null;
  readonly lastSeenMs: number;
  readonly responding: boolean;
}

export interface FileSystemView {
  readonly name: string;
  readonly nodes: number;
  /** Ever taken in, by this collector. */
  readonly traps: number;
  readonly lastTrapMs: number;
  readonly notResponding: readonly string[];
}

/** A sign of life of a node that promised to be heard of. */
export interface BeatOf {
  readonly node: string;
  readonly fileSystem: string;
  /** By the source's clock: the same for every collector that had it. */
  readonly beatAtMs: number;
}

/** No other came behind this one for so long. */
export interface MissedBeat extends BeatOf {
  readonly silentMs: number;
}

interface Node {
  readonly name: string;
  fileSystems: readonly string[];
  state: string;
  health: string;
  freeBytes: number | null;
  totalBytes: number | null;
  lastSeenMs: number;
  /** Heard of since it came to its place among those that may be forgotten. */
  isRecent: boolean;
}

interface Promised {
  readonly node: Node;
  everyMs: number;
  /** By the collector's monotonic clock: one that is set must not make thousands of nodes silent. */
  heardMs: number;
  /** By the source's clock. */
  beatAtMs: number;
}

interface FileSystem {
  nodes: number;
  traps: number;
  lastTrapMs: number;
}

const NONE: readonly string[] = [];
const FILE_SYSTEMS_MOST = 10_000;
const FILE_SYSTEMS_OF_NODE_MOST = 64;
/** A heartbeat is missed after so many of its times. */
const BEATS_MISSED = 3;
const LOOK_MS = 1000;
/** Who was stopped for so long, with its machine, has heard nobody meanwhile. */
const ASLEEP_MS = 10_000;
/** Nodes that are spared in turn, at most, before one is forgotten. */
const SPARED_MOST = 16;

export class Nodes {
  readonly #most: number;
  readonly #nodes = new Map<string, Node>();
  /**
   * Goes on where it was: looking for the first from the beginning would pass all places that were
   * given up. Whatever it answers with leaves its place, so nothing is ever before it.
   */
  #next = this.#nodes.values();
  readonly #fileSystems = new Map<string, FileSystem>();
  readonly #silent = new Set<Node>();
  readonly #promised = new Map<Node, Promised>();
  /** Nodes of which it was told that they are missed, with the file system that it was told of. */
  readonly #missed = new Map<string, string>();
  #lookedMs: number | null = null;
  /** Changes whenever a name of a node or file system comes or goes. */
  namesVersion = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#nodes.size;
  }

  /** Whether some have promised to be heard of. */
  get hasBeats(): boolean {
    return this.#promised.size > 0;
  }

  /**
   * A trap names it. Who reported it may be another, as a relay or the collector itself: of a node
   * that promised to be heard of, only what keeps the promise is a sign of life.
   */
  heard(name: string, fileSystem: string, nowMs: number): void {
    const node = this.#node(name, nowMs);
    if (!this.#promised.has(node)) node.lastSeenMs = nowMs;
    if (fileSystem !== '' && !node.fileSystems.includes(fileSystem)) {
      this.#join(node, [...node.fileSystems, fileSystem]);
    }
  }

  /** Its source says how it is. Answers with the beat that ends its silence, if it was told of one. */
  observe(report: NodeReport, nowMs: number, monotonicMs: number): BeatOf | null {
    const node = this.#node(report.node, nowMs);
    const isThere = report.responding !== false;
    const beatAtMs = report.atMs ?? nowMs;
    if (isThere) node.lastSeenMs = nowMs;
    node.state = report.state ?? node.state;
    node.health = report.health ?? node.health;
    node.freeBytes = report.freeBytes ?? node.freeBytes;
    node.totalBytes = report.totalBytes ?? node.totalBytes;
    if (report.fileSystems) this.#join(node, report.fileSystems);
    if (report.heartbeatMs !== undefined) this.#promise(node, report.heartbeatMs);
    const promised = this.#promised.get(node);
    if (promised) Object.assign(promised, { heardMs: monotonicMs, beatAtMs });
    if (!isThere) this.#silent.add(node);
    else this.#silent.delete(node);
    const fileSystem = this.#missed.get(node.name);
    if (!isThere || fileSystem === undefined) return null;
    this.#missed.delete(node.name);
    return { node: node.name, fileSystem, beatAtMs };
  }

  #promise(node: Node, everyMs: number): void {
    const known = this.#promised.get(node);
    if (everyMs === 0) this.#promised.delete(node);
    else if (known) known.everyMs = everyMs;
    else this.#promised.set(node, { node, everyMs, heardMs: 0, beatAtMs: 0 });
  }

  /** Nodes whose heartbeat was missed since the last look; at most one look a second. */
  takeMissed(monotonicMs: number): MissedBeat[] {
    const sinceLookMs = monotonicMs - (this.#lookedMs ?? monotonicMs - LOOK_MS);
    if (sinceLookMs < LOOK_MS) return [];
    this.#lookedMs = monotonicMs;
    const found: MissedBeat[] = [];
    for (const promised of this.#promised.values()) {
      if (sinceLookMs > ASLEEP_MS) promised.heardMs = monotonicMs;
      const { node, everyMs, heardMs, beatAtMs } = promised;
      const silentMs = monotonicMs - heardMs;
      if (silentMs <= everyMs * BEATS_MISSED || this.#silent.has(node)) continue;
      const fileSystem = node.fileSystems[0] ?? '';
      this.#miss(node, fileSystem);
      found.push({ node: node.name, fileSystem, beatAtMs, silentMs });
    }
    return found;
  }

  /** An earlier life told that it is missed, and not yet that it is there again. */
  recallMissed({ node, fileSystem, receivedAtMs }: TrapRecord): void {
    this.#miss(this.#node(node, receivedAtMs), fileSystem);
  }

  #miss(node: Node, fileSystem: string): void {
    this.#silent.add(node);
    this.#missed.set(node.name, fileSystem);
    // Also those that are forgotten meanwhile may come back, but not without end.
    for (const oldest of this.#missed.keys()) {
      if (this.#missed.size <= this.#most) return;
      this.#missed.delete(oldest);
    }
  }

  countTrap(fileSystem: string, nowMs: number): void {
    const entry = this.#fileSystems.get(fileSystem);
    if (!entry) return;
    entry.traps++;
    entry.lastTrapMs = nowMs;
  }

  /** Names of one file system's nodes, or of all for `''`. */
  names(fileSystem: string): string[] {
    if (fileSystem === '') return [...this.#nodes.keys()];
    const found: string[] = [];
    for (const node of this.#nodes.values()) {
      if (node.fileSystems.includes(fileSystem)) found.push(node.name);
    }
    return found;
  }

  hasFileSystem(name: string): boolean {
    return this.#fileSystems.has(name);
  }

  fileSystemNames(): string[] {
    return [...this.#fileSystems.keys()];
  }

  view(name: string): NodeView | null {
    const node = this.#nodes.get(name);
    if (!node) return null;
    const { fileSystems, state, health, freeBytes, totalBytes, lastSeenMs } = node;
    const responding = !this.#silent.has(node);
    return { name, fileSystems, state, health, freeBytes, totalBytes, lastSeenMs, responding };
  }

  fileSystem(name: string): FileSystemView | null {
    const entry = this.#fileSystems.get(name);
    if (!entry) return null;
    const notResponding = [...this.#silent]
      .filter(({ fileSystems }) => fileSystems.includes(name))
      .map((node) => node.name);
    return { name, ...entry, notResponding };
  }

  #node(name: string, nowMs: number): Node {
    const known = this.#nodes.get(name);
    if (known) {
      known.isRecent = true;
      return known;
    }
    if (this.#nodes.size >= this.#most) this.#forgetOne();
    const node: Node = {
      name,
      fileSystems: NONE,
      state: '',
      health: '',
      freeBytes: null,
      totalBytes: null,
      lastSeenMs: nowMs,
      isRecent: false,
    };
    this.#nodes.set(name, node);
    this.namesVersion++;
    return node;
  }

  /** One that was not heard of for long: those that were since their turn are spared once (CLOCK). */
  #forgetOne(): void {
    for (let spared = 0; ; spared++) {
      const node = this.#nextNode();
      if (!node) return;
      this.#nodes.delete(node.name);
      if (node.isRecent && spared < SPARED_MOST) {
        node.isRecent = false;
        this.#nodes.set(node.name, node);
        continue;
      }
      this.#join(node, NONE);
      this.#silent.delete(node);
      this.#promised.delete(node);
      return;
    }
  }

  #nextNode(): Node | undefined {
    const next = this.#nodes.size === 0 ? null : this.#next.next();
    if (next === null || !next.done) return next?.value;
    this.#next = this.#nodes.values();
    return this.#next.next().value;
  }

  #join(node: Node, fileSystems: readonly string[]): void {
    const wanted = fileSystems.slice(0, FILE_SYSTEMS_OF_NODE_MOST);
    if (
      wanted.length === node.fileSystems.length &&
      wanted.every((one) => node.fileSystems.includes(one))
    ) {
      return;
    }
    for (const left of node.fileSystems) this.#countNode(left, -1);
    for (const joined of wanted) this.#countNode(joined, 1);
    node.fileSystems = wanted;
    this.namesVersion++;
  }

  #countNode(fileSystem: string, change: number): void {
    const known = this.#fileSystems.get(fileSystem);
    if (known) {
      known.nodes += change;
      // One whose nodes have all gone stays while its traps are of interest.
      if (known.nodes <= 0 && known.traps === 0) this.#fileSystems.delete(fileSystem);
    } else if (change > 0 && this.#fileSystems.size < FILE_SYSTEMS_MOST) {
      this.#fileSystems.set(fileSystem, { nodes: change, traps: 0, lastTrapMs: 0 });
    }
  }
}
