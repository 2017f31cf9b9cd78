/**
 * Names traps so that collectors which hear of the same one give it the same id without talking to
 * each other: it depends on node, boot, condition (with its file system) and the source's sequence, never on the
 * collector's clock or counters. Where a source has no sequence, what it says and when takes its
 * place, and an ordinal for what it says several times within a millisecond.
 */
import { hash } from 'node:crypto';
import type { TrapReport } from '../report.ts';

/** 96 bits, in hexadecimal because people type the beginning of an id. */
const ID_CHARACTERS = 24;
const ORDINALS_KEPT = 16_384;

export class Identities {
  /** How often each text came; the older half is forgotten when the newer is full. */
  #ordinals = new Map<string, number>();
  #olderOrdinals = new Map<string, number>();

  /** @param receivedAtMs stands in for the time of a source that has no clock; then ids may differ */
  idOf(report: TrapReport, receivedAtMs: number): string {
    const sequence = report.sequence ?? this.#sequenceOf(report, receivedAtMs);
    const { node, boot, kind } = report;
    // What it is about: a condition of one file system is not that of another.
    const condition = [report.fileSystem, report.condition, kind === 'clear' ? 'clear' : ''];
    // NUL stands in none of these names.
    const text = [node, boot, ...condition, sequence].join('\0');
    return hash('sha256', text, 'hex').slice(0, ID_CHARACTERS);
  }

  #sequenceOf(report: TrapReport, receivedAtMs: number): string {
    const atMs = report.atMs ?? Math.floor(receivedAtMs / 1000) * 1000;
    const said = [atMs, report.category, report.message].join('\0');
    const about = [report.node, report.fileSystem, report.condition];
    const key = hash('sha256', [...about, said].join('\0'), 'base64url');
    const ordinal = this.#ordinals.get(key) ?? this.#olderOrdinals.get(key) ?? 0;
    if (this.#ordinals.size >= ORDINALS_KEPT) {
      this.#olderOrdinals = this.#ordinals;
      this.#ordinals = new Map();
    }
    this.#ordinals.set(key, ordinal + 1);
    return `${said}\0${ordinal}`;
  }
}
