/**
 * What monitors ask a collector. Answers are made once for each change and shared by all who ask;
 * while names change so fast that making their list takes long, it is a little old.
 */
import type { Clock } from '#base';
import type { TrapRecord } from '#model';
import type { Collector } from '../collector/collector.ts';
import type { NodeView } from '../collector/nodes.ts';
import { FAULT, Fault } from './fault.ts';
import { Fragment, intOf, type Method, stringOf } from './method.ts';
import { Remade } from './remade.ts';
import { SharedAnswers } from './shared-answers.ts';
import { array, boolean, double, int, struct, text, type Value } from './value.ts';
import { writeArray, writeValue } from './writer.ts';

/** Lists of names that are held ready: each file system's nodes, at most so many. */
const NAME_LISTS_MOST = 1000;

export function trapMethods(collector: Collector, clock: Clock): Method[] {
  const told = new ToldAnswers(collector);
  const nodeNames = new Map<string, Remade>();
  const fileSystems = new Remade(clock, () => namesFragment(collector.nodes.fileSystemNames()));
  const namesVersion = () => collector.nodes.namesVersion;
  return [
    {
      name: 'getNodeNames',
      signature: ['array', 'string'],
      help: 'Names of the nodes of a file system, or of all nodes for an empty name.',
      call: ([name]) => {
        const fileSystem = stringOf(name);
        const isKnown = fileSystem === '' || collector.nodes.hasFileSystem(fileSystem);
        if (!isKnown) return array([]);
        if (!nodeNames.has(fileSystem)) {
          if (nodeNames.size >= NAME_LISTS_MOST) nodeNames.clear();
          const make = () => namesFragment(collector.nodes.names(fileSystem));
          nodeNames.set(fileSystem, new Remade(clock, make));
        }
        return nodeNames.get(fileSystem)!.at(namesVersion());
      },
    },
    {
      name: 'getNodeInfo',
      signature: ['struct', 'string'],
      help: 'A node: name, fileSystems, state, health, lastSeen (seconds since 1970, UTC), responding, traps that hold, freeDisk and totalDisk (bytes; left out where unknown).',
      call: ([name]) => nodeInfo(collector, stringOf(name)),
    },
    {
      name: 'getFileSystems',
      signature: ['array'],
      help: 'Names of the file systems.',
      call: () => fileSystems.at(namesVersion()),
    },
    {
      name: 'getFileSystemInfo',
      signature: ['struct', 'string'],
      help: 'A file system: name, traps (how many were taken in), holding (how many still hold), notResponding (names of nodes), nodes (how many), lastTrap (seconds since 1970, UTC; 0: none).',
      call: ([name]) => fileSystemInfo(collector, stringOf(name)),
    },
    {
      name: 'getTraps',
      signature: ['array', 'int'],
      help: 'Traps since a mark, each [message, category, nodeName], and the mark to pass next time. Categories: 0 Info, 1 Warning, 2 Critical, 3 Fatal.',
      call: ([mark]) => told.triples(intOf(mark)),
    },
    {
      name: 'getTrapDetails',
      signature: ['array', 'int'],
      help: 'As getTraps, each trap a struct: id, time, message, category, node, fileSystem, source, kind, condition, count, over, acknowledged.',
      call: ([mark]) => told.details(intOf(mark)),
    },
    {
      name: 'getTrapsById',
      signature: ['array', 'string'],
      help: 'Traps after the one of this id (all for an unknown one), as structs, and the id to pass next time. Ids are the same in mirrored collectors.',
      call: ([id]) => told.afterId(stringOf(id)),
    },
    {
      name: 'getLastTimestamp',
      signature: ['int'],
      help: 'The present mark.',
      call: () => int(collector.lastMark()),
    },
    {
      name: 'getCounters',
      signature: ['struct'],
      help: 'What became of all reports: received = stored + duplicate + suppressed + dropped + denied + malformed. Besides: evicted, returned (told again after they had to give way), lostBefore, kept, nodes.',
      call: () => counters(collector),
    },
  ];
}

function namesFragment(names: readonly string[]): Fragment {
  return new Fragment(writeArray(names.map((name) => writeValue(text(name)))));
}

/** Traps as monitors get them: all who are told the same traps share one answer. */
class ToldAnswers {
  readonly #collector: Collector;
  /** Each of its own state: counts and acknowledgements change without a new trap. */
  readonly #tripleAnswers = new SharedAnswers();
  readonly #detailAnswers = new SharedAnswers();
  readonly #triples = new WeakMap<TrapRecord, string>();
  readonly #details = new WeakMap<TrapRecord, Detail>();

  constructor(collector: Collector) {
    this.#collector = collector;
  }

  triples(mark: number): Fragment {
    const { traps, mark: now } = this.#collector.since(mark);
    const { toldVersion } = this.#collector;
    // What is told are the latest traps, so their number says which they are.
    return this.#tripleAnswers.of(toldVersion, `${traps.length} ${now}`, () =>
      toldFragment(
        traps.map((trap) => this.#triple(trap)),
        int(now),
      ),
    );
  }

  details(mark: number): Fragment {
    const { traps, mark: now } = this.#collector.since(mark);
    return this.#detailed(traps, int(now));
  }

  afterId(id: string): Fragment {
    const traps = this.#collector.after(id);
    return this.#detailed(traps, text(traps.at(-1)?.id ?? id));
  }

  #detailed(traps: readonly TrapRecord[], next: Value): Fragment {
    const make = () =>
      toldFragment(
        traps.map((trap) => this.#detail(trap)),
        next,
      );
    // Nothing is made quickly, and its end may be whatever was asked with.
    if (traps.length === 0) return make();
    const key = `${next.type} ${traps.length} ${traps.at(-1)!.mark}`;
    return this.#detailAnswers.of(this.#collector.revision, key, make);
  }

  #triple(trap: TrapRecord): string {
    const known = this.#triples.get(trap);
    if (known !== undefined) return known;
    const { message, category, node } = trap;
    const made = writeValue(array([text(message), int(category), text(node)]));
    this.#triples.set(trap, made);
    return made;
  }

  #detail(trap: TrapRecord): string {
    const { count, over, acknowledged } = trap;
    const known = this.#details.get(trap);
    const isAsItWas = known?.count === count && known.over === over;
    if (known && isAsItWas && known.acknowledged === acknowledged) return known.xml;
    const xml = detail(trap);
    this.#details.set(trap, { count, over, acknowledged, xml });
    return xml;
  }
}

/** A trap as a struct, and what of it may have changed since. */
interface Detail extends Pick<TrapRecord, 'count' | 'over' | 'acknowledged'> {
  readonly xml: string;
}

function toldFragment(traps: readonly string[], next: Value): Fragment {
  return new Fragment(writeArray([writeArray(traps), writeValue(next)]));
}

function detail(trap: TrapRecord): string {
  const { id, message, category, node, fileSystem, source, kind, condition, count } = trap;
  return writeValue(
    struct({
      id: text(id),
      time: double(trap.atMs / 1000),
      message: text(message),
      category: int(category),
      node: text(node),
      fileSystem: text(fileSystem),
      source: text(source),
      kind: text(kind),
      condition: text(condition),
      count: int(Math.min(count, 2 ** 31 - 1)),
      over: boolean(trap.over !== null),
      acknowledged: boolean(trap.acknowledged !== null),
    }),
  );
}

function nodeInfo(collector: Collector, name: string): Value {
  const node = collector.nodes.view(name);
  if (!node) throw new Fault(FAULT.application, `there is no node ${name}`);
  const holding = collector.holding().filter((trap) => trap.node === name);
  return struct({
    name: text(node.name),
    fileSystems: array(node.fileSystems.map(text)),
    state: text(node.state || (node.responding ? 'up' : 'not responding')),
    health: text(node.health || healthOf(node, holding)),
    lastSeen: int(secondsOf(node.lastSeenMs)),
    responding: boolean(node.responding),
    traps: int(holding.length),
    ...(node.freeBytes === null ? {} : { freeDisk: double(node.freeBytes) }),
    ...(node.totalBytes === null ? {} : { totalDisk: double(node.totalBytes) }),
  });
}

function healthOf(node: NodeView, holding: readonly TrapRecord[]): string {
  const isHealthy = node.responding && holding.every(({ category }) => category === 0);
  return isHealthy ? 'healthy' : 'not healthy';
}

function fileSystemInfo(collector: Collector, name: string): Value {
  const found = collector.nodes.fileSystem(name);
  if (!found) throw new Fault(FAULT.application, `there is no file system ${name}`);
  const holding = collector.holding().filter((trap) => trap.fileSystem === name);
  return struct({
    name: text(found.name),
    traps: int(found.traps),
    holding: int(holding.length),
    notResponding: array(found.notResponding.map(text)),
    nodes: int(found.nodes),
    lastTrap: int(secondsOf(found.lastTrapMs)),
  });
}

/** Seconds go with 32 bits until 2038; afterwards the greatest of them stands. */
function secondsOf(ms: number): number {
  return Math.min(2 ** 31 - 1, Math.floor(ms / 1000));
}

function counters(collector: Collector): Value {
  const values = {
    ...collector.counters.values(),
    kept: collector.size,
    nodes: collector.nodes.size,
  };
  // Doubles, because a storm of an hour has more than 32 bits can count in a week.
  return struct(
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, double(value)])),
  );
}
