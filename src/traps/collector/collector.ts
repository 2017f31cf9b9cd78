/**
 * The collector: everything that monitors can ask, and what a report changes in it. No input or
 * output, and time only from its clock; whoever holds it keeps its changes (`takeChanges`) and
 * calls `tick`.
 *
 *   report ─ denied, malformed: counted by whoever refuses it
 *          ─ id was seen                          → duplicate
 *          ─ says again what holds                → suppressed, folded into the first
 *          ─ everything that is kept matters more → dropped
 *          ─ else                                 → stored, and told to monitors unless silenced
 */
import { type Clock, formatDuration } from '#base';
import {
  PAST_MESSAGE_MOST,
  type RememberedTraps,
  type Silence,
  type TrapCategory,
  type TrapChange,
  type TrapRecord,
} from '#model';
import { beginningOf, type NodeReport, type TrapReport, trapReport } from '../report.ts';
import type { RefusedFate, TrapSink } from '../sources/port.ts';
import { Counters, type Fate } from './counters.ts';
import { Identities } from './identity.ts';
import { type KeptTrap, KeptTraps } from './kept-traps.ts';
import { Marks } from './marks.ts';
import { type MissedBeat, Nodes } from './nodes.ts';
import { RecentIds } from './recent-ids.ts';
import { Silences } from './silences.ts';

export interface CollectorOptions {
  readonly clock: Clock;
  readonly maxTraps: number;
  readonly maxNodes: number;
  /** The same event within this time is folded; 0: never. */
  readonly foldMs: number;
  /** Whether somebody takes its changes and keeps them. */
  readonly hasHistory: boolean;
  /** Of an earlier life, or null. */
  readonly remembered: RememberedTraps | null;
  /** Called for each trap that is told to monitors. */
  readonly onTold?: (trap: TrapRecord) => void;
}

/** What a monitor is told: traps after its mark, and the mark for its next question. */
export interface Told {
  readonly traps: readonly TrapRecord[];
  readonly mark: number;
}

const IDS_SEEN = 65_536;
/** Changes that nobody has taken yet; a storm changes faster than a disk writes. */
const CHANGES_MOST = 20_000;

export class Collector implements TrapSink {
  readonly counters = new Counters();
  readonly nodes: Nodes;
  readonly silences = new Silences();
  readonly #options: CollectorOptions;
  readonly #kept: KeptTraps;
  readonly #marks: Marks;
  readonly #identities = new Identities();
  readonly #seen = new RecentIds(IDS_SEEN);
  /** By what they are about: the latest that is kept. */
  readonly #latest = new Map<string, KeptTrap>();
  readonly #changes = new Map<string, TrapChange>();
  /** Those of traps that gave way, oldest first. */
  readonly #pastChanges = new Set<string>();
  #notedMark = 0;
  /** Changes whenever what monitors are told does. */
  toldVersion = 0;
  /** Changes also with counts, acknowledgements and silences. */
  revision = 0;

  constructor(options: CollectorOptions) {
    this.#options = options;
    this.nodes = new Nodes(options.maxNodes);
    this.#kept = new KeptTraps(options.maxTraps);
    this.#marks = new Marks(options.clock, options.remembered?.mark ?? 0);
    if (options.remembered) this.#recall(options.remembered);
  }

  get size(): number {
    return this.#kept.size;
  }

  /** Takes a report in, and says what became of it. */
  accept(report: TrapReport): Fate {
    const fate = this.#take(report);
    this.counters.count(fate);
    return fate;
  }

  /** Counts what came and was not taken. */
  refuse(fate: RefusedFate, reports = 1): void {
    this.counters.count(fate, reports);
  }

  /** Counts what never arrived. */
  lose(reports: number): void {
    this.counters.lostBefore += reports;
  }

  /** What a source knows of a node. A node that had been silent is told to be there again. */
  observe(report: NodeReport): void {
    const nowMs = this.#options.clock.now();
    const names = this.nodes.namesVersion;
    const back = this.nodes.observe(report, nowMs);
    if (this.nodes.namesVersion !== names) this.revision++;
    if (back) this.accept(silenceOver(back));
  }

  /** Lets time pass: silences end, heartbeats are missed. To be called about once a second. */
  tick(): void {
    const nowMs = this.#options.clock.now();
    for (const beat of this.nodes.takeMissed(nowMs)) this.accept(silenceBegun(beat));
    for (const { id } of this.silences.takeEnded(nowMs)) this.#silenceEnded(id);
  }

  /** What came after a mark. A mark from before what is kept, or of another life, gets everything. */
  since(mark: number): Told {
    const now = this.#readMark();
    const traps = [...this.#told()].filter((trap) => mark > now || trap.mark > mark);
    return { traps, mark: now };
  }

  /** What came after a trap, in this collector's order; everything for an id that is not kept. */
  after(id: string): readonly TrapRecord[] {
    const told = [...this.#told()];
    return told.slice(told.findIndex((trap) => trap.id === id) + 1);
  }

  /** The mark of a monitor that has everything. */
  lastMark(): number {
    return this.#readMark();
  }

  /** All that is kept, also what is silenced, in the order of the marks. */
  all(): readonly TrapRecord[] {
    return [...this.#kept.values()];
  }

  get(id: string): TrapRecord | undefined {
    return this.#kept.get(id);
  }

  /** Until its condition clears, or gets worse. False when there is no such trap that holds. */
  acknowledge(id: string, by: string, comment: string): boolean {
    const trap = this.#kept.get(id);
    if (!trap || trap.over !== null || trap.kind === 'clear') return false;
    trap.acknowledged = { by, comment, atMs: this.#options.clock.now() };
    this.#changed(trap);
    return true;
  }

  /** False when it was not acknowledged. */
  withdrawAcknowledgement(id: string): boolean {
    const trap = this.#kept.get(id);
    if (!trap?.acknowledged) return false;
    trap.acknowledged = null;
    this.#changed(trap);
    return true;
  }

  silence(silence: Silence): void {
    this.silences.add(silence);
    this.#note(`silence ${silence.id}`, { kind: 'silence', silence });
    for (const trap of this.#kept.values()) {
      trap.silence ??= this.silences.hiding(trap);
      this.#changed(trap);
    }
    this.toldVersion++;
  }

  /** Ends a silence before its time. False when there is none of this id. */
  endSilence(id: string): boolean {
    if (!this.silences.remove(id)) return false;
    this.#silenceEnded(id);
    return true;
  }

  /** What changed since the last time; whoever takes it keeps it. */
  takeChanges(): TrapChange[] {
    const changes = [...this.#changes.values()];
    this.#changes.clear();
    this.#pastChanges.clear();
    return changes;
  }

  get hasChanges(): boolean {
    return this.#changes.size > 0;
  }

  #take(report: TrapReport): Fate {
    const nowMs = this.#options.clock.now();
    this.nodes.heard(report.node, report.fileSystem, nowMs);
    const id = this.#identities.idOf(report, nowMs);
    if (!this.#seen.add(id)) return 'duplicate';
    const key = keyOf(report);
    const before = this.#latest.get(key);
    if (before && this.#isRepeat(before, report, nowMs)) {
      before.count += report.count;
      before.lastAtMs = Math.max(before.lastAtMs, report.atMs ?? nowMs);
      this.#changed(before);
      return 'suppressed';
    }
    const holds = before && before.kind !== 'clear' && before.over === null ? before : null;
    if (holds) this.#end(holds, report.kind === 'clear' ? 'clear' : 'newer', nowMs);
    return this.#store(key, this.#keptOf(id, report, holds, nowMs));
  }

  #isRepeat(before: KeptTrap, report: TrapReport, nowMs: number): boolean {
    if (report.kind === 'clear') return before.kind === 'clear' || before.over !== null;
    const isSame = before.category === report.category && before.message === report.message;
    if (!isSame || before.kind === 'clear' || before.over !== null) return false;
    if (report.kind === 'raise') return true;
    return nowMs - before.receivedAtMs < this.#options.foldMs;
  }

  #keptOf(id: string, report: TrapReport, before: KeptTrap | null, nowMs: number): KeptTrap {
    const { node, fileSystem, category, message, kind, condition, source, count } = report;
    const atMs = report.atMs ?? nowMs;
    const weight = kind === 'clear' && before ? before.weight : category;
    // It is the same trouble, and no worse: somebody looks after it already.
    const isKnown = kind === 'raise' && before !== null && category <= before.category;
    return {
      ...{ id, node, fileSystem, category, message, kind, condition, source, atMs },
      ...{ mark: 0, receivedAtMs: nowMs, count, lastAtMs: atMs, weight, over: null },
      acknowledged: isKnown ? before.acknowledged : null,
      silence: this.silences.hiding(report),
    };
  }

  #store(key: string, trap: KeptTrap): Fate {
    const leaving = this.#kept.add(trap);
    if (leaving === trap) return 'dropped';
    if (leaving) this.#evicted(leaving);
    this.#mark(trap);
    this.#latest.set(key, trap);
    this.nodes.countTrap(trap.fileSystem, trap.receivedAtMs);
    this.#changed(trap);
    if (trap.silence === null) this.#tell(trap);
    return 'stored';
  }

  #tell(trap: KeptTrap): void {
    this.toldVersion++;
    this.#options.onTold?.(trap);
  }

  #end(trap: KeptTrap, by: 'clear' | 'newer', nowMs: number): void {
    trap.over = { by, atMs: nowMs };
    this.#changed(trap);
  }

  #evicted(trap: KeptTrap): void {
    this.counters.evicted++;
    this.#forget(trap);
  }

  /** It is told no more, and what it was about is unknown again. */
  #forget(trap: KeptTrap): void {
    const key = keyOf(trap);
    if (this.#latest.get(key) === trap) this.#latest.delete(key);
    this.toldVersion++;
    this.revision++;
    const message = beginningOf(trap.message, PAST_MESSAGE_MOST);
    this.#note(trap.id, { kind: 'trap', trap: { ...trap, message }, kept: false });
  }

  #mark(trap: KeptTrap): void {
    const { mark, renewed } = this.#marks.stamp();
    trap.mark = mark;
    if (!renewed) return;
    for (const other of this.#kept.values()) {
      other.mark = mark;
      this.#changed(other);
    }
  }

  #readMark(): number {
    const mark = this.#marks.read();
    // Only when it moved: a monitor that asks in vain changes nothing.
    if (mark !== this.#notedMark) this.#note('mark', { kind: 'mark', mark });
    this.#notedMark = mark;
    return mark;
  }

  *#told(): Generator<KeptTrap> {
    for (const trap of this.#kept.values()) if (trap.silence === null) yield trap;
  }

  /** What it hid and still holds is told now; what is over by now is told to nobody. */
  #silenceEnded(id: string): void {
    this.#note(`silence ${id}`, { kind: 'silence-ended', id });
    const hidden = [...this.#kept.values()].filter((trap) => trap.silence === id);
    for (const trap of hidden) {
      trap.silence = this.silences.hiding(trap);
      if (trap.silence !== null) this.#changed(trap);
      else if (trap.over !== null || trap.kind === 'clear') {
        this.#kept.remove(trap);
        this.#forget(trap);
      } else {
        this.#mark(trap);
        this.#kept.moveToEnd(trap);
        this.#changed(trap);
        this.#tell(trap);
      }
    }
    this.toldVersion++;
    this.revision++;
  }

  #changed(trap: KeptTrap): void {
    this.#kept.changed(trap);
    this.revision++;
    this.#note(trap.id, { kind: 'trap', trap, kept: true });
  }

  /** The newest change of each thing. What gave way long ago is not worth memory in a storm. */
  #note(key: string, change: TrapChange): void {
    if (!this.#options.hasHistory) return;
    this.#changes.delete(key);
    this.#pastChanges.delete(key);
    this.#changes.set(key, change);
    if (change.kind === 'trap' && !change.kept) this.#pastChanges.add(key);
    if (this.#changes.size <= CHANGES_MOST) return;
    const [oldest] = this.#pastChanges;
    if (oldest === undefined) return;
    this.#changes.delete(oldest);
    this.#pastChanges.delete(oldest);
  }

  #recall({ traps, ids, silences }: RememberedTraps): void {
    for (const silence of silences) this.silences.add(silence);
    for (const id of ids) this.#seen.add(id);
    for (const remembered of traps) {
      const trap: KeptTrap = { ...remembered };
      this.#seen.add(trap.id);
      const leaving = this.#kept.add(trap);
      if (leaving) this.#forget(leaving);
      if (leaving === trap) continue;
      this.#latest.set(keyOf(trap), trap);
      this.nodes.heard(trap.node, trap.fileSystem, trap.receivedAtMs);
      this.nodes.countTrap(trap.fileSystem, trap.receivedAtMs);
    }
  }
}

/** What a report is about: its condition, or for an event all that it says. */
function keyOf({ node, fileSystem, kind, condition, category, message }: KeyParts): string {
  const about = kind === 'event' ? `${category}\0${message}` : condition;
  return `${node}\0${fileSystem}\0${kind === 'event' ? 'event' : 'condition'}\0${about}`;
}

type KeyParts = Pick<
  TrapRecord,
  'node' | 'fileSystem' | 'kind' | 'condition' | 'category' | 'message'
>;

const CRITICAL: TrapCategory = 2;
const INFO: TrapCategory = 0;

function silenceBegun({ node, fileSystem, beatAtMs, silentMs }: MissedBeat): TrapReport {
  const message = `nothing was heard of ${node} for ${formatDuration(silentMs)}`;
  return beatReport(node, fileSystem, beatAtMs, { kind: 'raise', category: CRITICAL, message });
}

function silenceOver({ node, fileSystem, beatAtMs }: MissedBeat): TrapReport {
  const message = `${node} is heard of again`;
  return beatReport(node, fileSystem, beatAtMs, { kind: 'clear', category: INFO, message });
}

function beatReport(
  node: string,
  fileSystem: string,
  beatAtMs: number,
  parts: Pick<TrapReport, 'kind' | 'category' | 'message'>,
): TrapReport {
  const about = { node, fileSystem, condition: 'not-responding', source: 'collector' };
  return trapReport({ ...about, ...parts, sequence: String(beatAtMs) });
}
