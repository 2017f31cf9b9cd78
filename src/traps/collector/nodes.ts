/** The nodes and file systems that were heard of; a hundred thousand of them in little memory. */
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

/** A node that promised to be heard of and was not, or was again. */
export interface MissedBeat {
  readonly node: string;
  readonly fileSystem: string;
  /** The source's time of its last sign of life: the same for every collector that had it. */
  readonly beatAtMs: number;
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
  heartbeatMs: number;
  beatAtMs: number;
  /** Heard of since it came to its place among those that may be forgotten. */
  isRecent: boolean;
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
  readonly #beating = new Set<Node>();
  #lookedMs = 0;
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
    return this.#beating.size > 0;
  }

  /**
   * A trap names it. Who reported it may be another, as a relay or the collector itself: of a node
   * that promised to be heard of, only what keeps the promise is a sign of life.
   */
  heard(name: string, fileSystem: string, nowMs: number): void {
    const node = this.#node(name, nowMs);
    if (node.heartbeatMs === 0) node.lastSeenMs = nowMs;
    if (fileSystem !== '' && !node.fileSystems.includes(fileSystem)) {
      this.#join(node, [...node.fileSystems, fileSystem]);
    }
  }

  /** Its source says how it is. Answers with the beat that it had missed, if it comes back. */
  observe(report: NodeReport, nowMs: number): MissedBeat | null {
    const node = this.#node(report.node, nowMs);
    if (report.responding !== false) node.lastSeenMs = nowMs;
    node.state = report.state ?? node.state;
    node.health = report.health ?? node.health;
    node.freeBytes = report.freeBytes ?? node.freeBytes;
    node.totalBytes = report.totalBytes ?? node.totalBytes;
    if (report.fileSystems) this.#join(node, report.fileSystems);
    const wasSilent = this.#silent.has(node);
    const hadBeat = node.heartbeatMs > 0;
    if (report.heartbeatMs !== undefined) this.#promise(node, report.heartbeatMs);
    if (node.heartbeatMs > 0) node.beatAtMs = report.atMs ?? nowMs;
    if (report.responding === false) this.#silent.add(node);
    else this.#silent.delete(node);
    return wasSilent && hadBeat && report.responding !== false ? missed(node, nowMs) : null;
  }

  #promise(node: Node, heartbeatMs: number): void {
    node.heartbeatMs = heartbeatMs;
    if (heartbeatMs > 0) this.#beating.add(node);
    else this.#beating.delete(node);
  }

  /** Nodes whose heartbeat was missed since the last look; at most one look a second. */
  takeMissed(nowMs: number): MissedBeat[] {
    if (nowMs - this.#lookedMs < LOOK_MS && nowMs >= this.#lookedMs) return [];
    this.#lookedMs = nowMs;
    const found: MissedBeat[] = [];
    for (const node of this.#beating) {
      if (nowMs - node.lastSeenMs <= node.heartbeatMs * BEATS_MISSED || this.#silent.has(node)) {
        continue;
      }
      this.#silent.add(node);
      found.push(missed(node, nowMs));
    }
    return found;
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
      heartbeatMs: 0,
      beatAtMs: 0,
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
      this.#beating.delete(node);
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

function missed(node: Node, nowMs: number): MissedBeat {
  const { name, fileSystems, beatAtMs, lastSeenMs } = node;
  return { node: name, fileSystem: fileSystems[0] ?? '', beatAtMs, silentMs: nowMs - lastSeenMs };
}
