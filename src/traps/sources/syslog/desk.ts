/** From syslog messages to reports: which are worth a trap, and what kernels leave out. */
import type { TrapCategory } from '#model';
import { type TrapReport, trapReport } from '../../report.ts';
import type { TrapSink } from '../port.ts';
import { categoryOfSeverity, parseSyslog } from './message.ts';

export interface SyslogDeskOptions {
  readonly sink: TrapSink;
  /** Messages of this severity and worse are traps; 4 is warning. */
  readonly severityMost: number;
  readonly nowMs: () => number;
  readonly onTaken: () => void;
}

/** Nodes whose latest message is remembered. */
const LATEST_MOST = 4096;
/** Kernels and syslog daemons fold repeats, and say so in a line of its own. */
const SKIPPED = /\b(?:skipped|repeated) (\d{1,9}) (?:previous |times|similar)/i;
const LUSTRE = /\b(?:LustreError|Lustre|LNetError|LNet): /;
const TARGET = /\b([A-Za-z0-9_]{1,8})-(?:OST|MDT)[0-9a-f]{4}\b/;

export class SyslogDesk {
  readonly #options: SyslogDeskOptions;
  readonly #latest = new Map<string, TrapReport>();

  constructor(options: SyslogDeskOptions) {
    this.#options = options;
  }

  /** @param peer address of who sent it, for messages that do not name their host */
  take(text: string, peer: string): void {
    const { sink, nowMs, onTaken } = this.#options;
    const { severity, host, text: message, atMs, sequence } = parseSyslog(text, nowMs());
    if (message.trim() === '') return sink.refuse('malformed');
    const node = host || peer;
    const folded = this.#folded(node, message, atMs);
    if (folded) sink.accept(folded);
    else {
      const report = trapReport({
        node,
        message,
        category: worse(categoryOfSeverity(severity), message),
        fileSystem: LUSTRE.test(message) ? (TARGET.exec(message)?.[1] ?? '') : '',
        source: 'syslog',
        atMs,
        // Senders count from 1 again when they start.
        sequence: sequence === null ? null : `${sequence}@${atMs ?? ''}`,
      });
      if (severity > this.#options.severityMost && report.category === 0) {
        sink.refuse('suppressed');
        return;
      }
      this.#remember(report);
      sink.accept(report);
    }
    onTaken();
  }

  /** The latest message of the node once more, as often as its line of repeats says. */
  #folded(node: string, message: string, atMs: number | null): TrapReport | null {
    const latest = this.#latest.get(node);
    const times = latest && SKIPPED.exec(message)?.[1];
    return times ? { ...latest, count: Math.max(1, Number(times)), atMs, sequence: null } : null;
  }

  #remember(report: TrapReport): void {
    this.#latest.delete(report.node);
    this.#latest.set(report.node, report);
    if (this.#latest.size <= LATEST_MOST) return;
    for (const oldest of this.#latest.keys()) {
      this.#latest.delete(oldest);
      return;
    }
  }
}

/** Lustre's kernel modules say everything with one severity; what they say is graver. */
function worse(category: TrapCategory, message: string): TrapCategory {
  if (!LUSTRE.test(message)) return category;
  if (/\bLBUG\b|\bASSERTION\(/.test(message)) return 3;
  return /\bevict/i.test(message) && category < 2 ? 2 : category;
}
