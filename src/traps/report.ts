/** What sources hand to the collector, cleaned and bounded. */
import type { TrapCategory, TrapKind } from '#model';

export interface TrapReport {
  readonly node: string;
  readonly fileSystem: string;
  readonly category: TrapCategory;
  readonly message: string;
  readonly kind: TrapKind;
  readonly condition: string;
  readonly source: string;
  /** By the source's clock; null where it has none. */
  readonly atMs: number | null;
  /** Tells lives of the node apart; `''` where it is not known. */
  readonly boot: string;
  /** The source's own number or name of this report; null where it has none. */
  readonly sequence: string | null;
  /** How many times it happened; more than once where the source folds repeats itself. */
  readonly count: number;
}

/** What a source knows of a node beside its traps; what is left out stays as it was. */
export interface NodeReport {
  readonly node: string;
  readonly fileSystems?: readonly string[] | undefined;
  readonly state?: string | undefined;
  readonly health?: string | undefined;
  readonly freeBytes?: number | undefined;
  readonly totalBytes?: number | undefined;
  readonly responding?: boolean | undefined;
  /** Another report comes within this time, or the node does not respond; 0: none was promised. */
  readonly heartbeatMs?: number | undefined;
  /** By the source's clock. */
  readonly atMs?: number | undefined;
}

export const NAME_MOST = 255;
/** Of a message, in UTF-16 units; what is over is cut off and its length told. */
export const MESSAGE_MOST = 65_536;

// Of names, which are keys: controls and lone surrogates would only make them unspeakable.
const UNSPEAKABLE = /[\u0000-\u001f\u007f]/g;

/** A name of a node, file system, condition or source as it is kept. */
export function cleanName(name: string): string {
  return ownText(name.slice(0, NAME_MOST).toWellFormed().replace(UNSPEAKABLE, '\ufffd'));
}

export function cutMessage(message: string): string {
  if (message.length <= MESSAGE_MOST) return ownText(message);
  const cut = message.length - MESSAGE_MOST;
  return ownText(`${message.slice(0, MESSAGE_MOST)}… [${cut} more characters]`);
}

/** The beginning of a message, of so many UTF-16 units at most, as it may be kept. */
export function beginningOf(message: string, most: number): string {
  return message.length <= most ? message : ownText(message.slice(0, most));
}

/** Parts of a text up to so many units are copies of their own. */
const COPIED_MOST = 12;

/**
 * The same text in memory of its own: a slice, or what an expression captured, is a view that keeps
 * the whole text alive, which may be megabytes for a name of ten letters.
 */
function ownText(text: string): string {
  if (text.length <= COPIED_MOST) return text;
  const encoding = text.isWellFormed() ? 'utf8' : 'utf16le';
  return Buffer.from(text, encoding).toString(encoding);
}

/** A report with everything that a source does not say filled in, and all of it within bounds. */
export function trapReport(
  parts: Pick<TrapReport, 'node' | 'category' | 'message' | 'source'> & Partial<TrapReport>,
): TrapReport {
  return {
    kind: 'event',
    atMs: null,
    count: 1,
    ...parts,
    node: cleanName(parts.node),
    fileSystem: cleanName(parts.fileSystem ?? ''),
    condition: cleanName(parts.condition ?? ''),
    source: cleanName(parts.source),
    boot: cleanName(parts.boot ?? ''),
    sequence: parts.sequence == null ? null : cleanName(parts.sequence),
    message: cutMessage(parts.message),
  };
}
