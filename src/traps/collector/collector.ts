/**
 * The collector: everything that monitors can ask, and what a report changes in it. No input or
 * output, and time only from its clock; whoever holds it keeps its changes and calls `tick`.
 *
 *   report ─ denied, malformed: counted by whoever refuses it
 *          ─ id was seen                          → duplicate
 *          ─ says again what holds                → suppressed, folded into the first
 *          ─ everything that is kept matters more → dropped; what holds is stored, and waits
 *          ─ else                                 → stored, and told to monitors unless silenced
 *
 * What holds and gave way waits too; it is told again as soon as there is room.
 */
import {
  PAST_MESSAGE_MOST,
  type RememberedTraps,
  type Silence,
  type TrapChange,
  type TrapPlace,
  type TrapRecord,
} from '#model';
import { beginningOf, type NodeReport, type TrapReport } from '../report.ts';
import type { RefusedFate, TrapSink } from '../sources/port.ts';
import { aboutOf } from './about.ts';
import { isMissing, silenceBegun, silenceOver } from './beat-reports.ts';
import { Counters, type Fate } from './counters.ts';
import { Identities } from './identity.ts';
import type { KeptTrap, KeptTraps } from './kept-traps.ts';
import { Marks } from './marks.ts';
import { Nodes } from './nodes.ts';
import { PendingChanges } from './pending-changes.ts';
import type { CollectorOptions, Told } from './port.ts';
import { RecentIds } from './recent-ids.ts';
import { isHolding, TrapRoom } from './room.ts';
import { Silences } from './silences.ts';

const IDS_SEEN = 65_536;
/** Traps that are told again in one tick. */
const TOLD_AGAIN_MOST = 100;

export class Collector implements TrapSink {
  readonly counters = new Counters();
  readonly nodes: Nodes;
  readonly silences = new Silences();
  readonly #options: CollectorOptions;
  readonly #room: TrapRoom;
  readonly #marks: Marks;
  readonly #identities = new Identities();
  readonly #seen = new RecentIds(IDS_SEEN);
  /** By what they are about: the latest that is kept or waits. */
  readonly #latest = new Map<string, KeptTrap>();
  readonly #changes = new PendingChanges();
  #isTimely = false;
  /** Changes whenever what monitors are told does. */
  toldVersion = 0;
  /** Changes also with counts, acknowledgements and silences. */
  revision = 0;

  constructor(options: CollectorOptions) {
    this.#options = options;
    this.nodes = new Nodes(options.maxNodes);
    this.#room = new TrapRoom(options.maxTraps);
    const { remembered, clock } = options;
    // A trap may be kept with a mark that nobody was given yet.
    const past = Math.max(remembered?.mark ?? 0, remembered?.traps.at(-1)?.mark ?? 0);
    this.#marks = new Marks(clock, past);
    if (remembered) this.#recall(remembered);
    this.#reserveMarks();
  }

  get size(): number {
    return this.#room.kept.size;
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
    const { clock } = this.#options;
    const names = this.nodes.namesVersion;
    const back = this.nodes.observe(report, clock.now(), clock.monotonic());
    if (this.nodes.namesVersion !== names) this.revision++;
    if (back) this.accept(silenceOver(back));
    this.#mindTime();
  }

  /** Silences end, heartbeats are missed. To be called each second; seldom, where time changes nothing (false). */
  tick(): boolean {
    const { clock } = this.#options;
    for (const beat of this.nodes.takeMissed(clock.monotonic())) this.accept(silenceBegun(beat));
    for (const { id } of this.silences.takeEnded(clock.now())) this.#silenceEnded(id);
    this.#tellWaiting(clock.now());
    this.#isTimely = this.#awaitsTime;
    return this.#isTimely;
  }

  get #awaitsTime(): boolean {
    return this.silences.size > 0 || this.nodes.hasBeats || this.#room.waiting.size > 0;
  }

  #mindTime(): void {
    if (this.#isTimely || !this.#awaitsTime) return;
    this.#isTimely = true;
    this.#options.onTimely?.();
  }

  /** What came after a mark. A mark from before what is kept, or of another life, gets everything. */
  since(mark: number): Told {
    const now = this.#readMark();
    // What has a greater mark than was given out is told with the mark.
    const traps = [...this.#told()].filter(
      (trap) => trap.mark <= now && (mark > now || trap.mark > mark),
    );
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
    return [...this.#room.kept.values()];
  }

  /** Conditions that hold, also those that had to give way. */
  holding(): readonly TrapRecord[] {
    return [...this.#room.all()].filter(isHolding);
  }

  get(id: string): TrapRecord | undefined {
    return this.#room.kept.get(id);
  }

  /** Until its condition clears, or gets worse. False when there is no such trap that holds. */
  acknowledge(id: string, by: string, comment: string): boolean {
    const trap = this.#room.kept.get(id);
    if (!trap || trap.over !== null || trap.kind === 'clear') return false;
    trap.acknowledged = { by, comment, atMs: this.#options.clock.now() };
    this.#changed(trap);
    return true;
  }

  /** False when it was not acknowledged. */
  withdrawAcknowledgement(id: string): boolean {
    const trap = this.#room.kept.get(id);
    if (!trap?.acknowledged) return false;
    trap.acknowledged = null;
    this.#changed(trap);
    return true;
  }

  silence(silence: Silence): void {
    this.silences.add(silence);
    this.#note(`silence ${silence.id}`, { kind: 'silence', silence });
    for (const trap of [...this.#room.all()]) {
      trap.silence ??= this.silences.hiding(trap);
      this.#changed(trap);
    }
    this.toldVersion++;
    this.#mindTime();
  }

  /** Ends a silence before its time. False when there is none of this id. */
  endSilence(id: string): boolean {
    if (!this.silences.remove(id)) return false;
    this.#silenceEnded(id);
    return true;
  }

  /** What changed since the last time; whoever takes it keeps it. */
  takeChanges(): TrapChange[] {
    return this.#changes.take();
  }

  get hasChanges(): boolean {
    return !this.#changes.isEmpty;
  }

  /** A change that tells of marks up to this one is on disk. */
  marksAreKept(mark: number): void {
    this.#marks.reserve(mark);
  }

  /** Gives back the marks that were reserved and not used; to be kept as the last change. */
  settleMarks(): void {
    this.#note('mark', { kind: 'mark', mark: this.#marks.settle() });
  }

  #take(report: TrapReport): Fate {
    const nowMs = this.#options.clock.now();
    this.nodes.heard(report.node, report.fileSystem, nowMs);
    const id = this.#identities.idOf(report, nowMs);
    if (!this.#seen.add(id)) return 'duplicate';
    const key = aboutOf(report);
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
    return report.kind === 'raise' || nowMs - before.receivedAtMs < this.#options.foldMs;
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
    const leaving = this.#room.kept.add(trap);
    const hasRoom = leaving !== trap;
    if (!hasRoom && !this.#wait(trap)) return 'dropped';
    if (leaving && hasRoom) this.#evicted(leaving);
    this.#latest.set(key, trap);
    this.nodes.countTrap(trap.fileSystem, trap.receivedAtMs);
    if (!hasRoom) {
      this.counters.evicted++;
      return 'stored';
    }
    this.#mark(trap);
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
    if (!this.#room.waiting.has(trap)) return this.#changed(trap);
    this.#room.waiting.remove(trap);
    this.#forget(trap);
  }

  #evicted(trap: KeptTrap): void {
    this.counters.evicted++;
    this.toldVersion++;
    this.revision++;
    if (!this.#wait(trap)) this.#forget(trap);
  }

  #wait(trap: KeptTrap): boolean {
    const { isWaiting, leaving } = this.#room.wait(trap);
    if (leaving) this.#forget(leaving);
    if (isWaiting) this.#noteTrap(trap, 'waiting');
    this.#mindTime();
    return isWaiting;
  }

  #tellWaiting(nowMs: number): void {
    for (let told = 0; told < TOLD_AGAIN_MOST; told++) {
      const back = this.#room.takeBack(nowMs);
      if (back === null) return;
      if (back.leaving) this.#evicted(back.leaving);
      this.counters.returned++;
      this.#tellAnew(back.trap);
    }
  }

  #tellAnew(trap: KeptTrap): void {
    this.#mark(trap);
    this.#room.kept.moveToEnd(trap);
    this.#changed(trap);
    this.#tell(trap);
  }

  /** It is told no more, and what it was about is unknown again. */
  #forget(trap: KeptTrap): void {
    const key = aboutOf(trap);
    if (this.#latest.get(key) === trap) this.#latest.delete(key);
    this.toldVersion++;
    this.revision++;
    this.#noteTrap({ ...trap, message: beginningOf(trap.message, PAST_MESSAGE_MOST) }, 'past');
  }

  #mark(trap: KeptTrap): void {
    const { mark, renewed } = this.#marks.stamp();
    trap.mark = mark;
    if (!renewed) return;
    this.#reserveMarks();
    for (const other of this.#room.kept.values()) {
      other.mark = mark;
      this.#changed(other);
    }
  }

  #readMark(): number {
    const mark = this.#marks.read();
    // A monitor that asks in vain changes nothing.
    if (this.#marks.needsReservation) this.#reserveMarks();
    return mark;
  }

  #reserveMarks(): void {
    this.#note('mark', { kind: 'mark', mark: this.#marks.reservation() });
  }

  *#told(): Generator<KeptTrap> {
    for (const trap of this.#room.kept.values()) if (trap.silence === null) yield trap;
  }

  /** What it hid and still holds is told now; what is over by now is told to nobody. */
  #silenceEnded(id: string): void {
    this.#note(`silence ${id}`, { kind: 'silence-ended', id });
    const isHidden = (trap: KeptTrap) => trap.silence === id;
    for (const trap of [...this.#room.waiting.values()].filter(isHidden)) {
      trap.silence = this.silences.hiding(trap);
      this.#changed(trap);
    }
    for (const trap of [...this.#room.kept.values()].filter(isHidden)) {
      trap.silence = this.silences.hiding(trap);
      if (trap.silence !== null) this.#changed(trap);
      else if (trap.over !== null || trap.kind === 'clear') {
        this.#room.kept.remove(trap);
        this.#forget(trap);
      } else this.#tellAnew(trap);
    }
    this.toldVersion++;
    this.revision++;
  }

  #changed(trap: KeptTrap): void {
    const place = this.#room.changed(trap);
    this.revision++;
    this.#noteTrap(trap, place);
  }

  #noteTrap(trap: TrapRecord, place: TrapPlace): void {
    this.#note(trap.id, { kind: 'trap', trap, place });
  }

  #note(key: string, change: TrapChange): void {
    if (this.#options.hasHistory) this.#changes.note(key, change);
  }

  #recall({ traps, waiting, ids, silences }: RememberedTraps): void {
    for (const silence of silences) this.silences.add(silence);
    for (const id of ids) this.#seen.add(id);
    this.#recallTo(this.#room.kept, traps);
    this.#recallTo(this.#room.waiting, waiting);
  }

  #recallTo(place: KeptTraps, remembered: readonly TrapRecord[]): void {
    for (const one of remembered) {
      const trap: KeptTrap = { ...one };
      this.#seen.add(trap.id);
      const leaving = place.add(trap);
      if (leaving) this.#forget(leaving);
      if (leaving === trap) continue;
      this.#latest.set(aboutOf(trap), trap);
      this.nodes.heard(trap.node, trap.fileSystem, trap.receivedAtMs);
      this.nodes.countTrap(trap.fileSystem, trap.receivedAtMs);
      if (isMissing(trap)) this.nodes.recallMissed(trap);
    }
  }
}
