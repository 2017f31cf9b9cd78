/** Pieces of an attempt's outcome on their way to the server. */
import { isUtf8 } from 'node:buffer';
import type { Part } from '#model';
import type { SentPart } from '#wire';

/** All parts of an attempt that travel inside the sync, together; the rest is uploaded. */
export const INLINE_BYTES = 64 * 1024;

export interface OutgoingPart extends Part {
  readonly bytes: number;
  readonly content:
    | { readonly kind: 'memory'; readonly bytes: Buffer }
    /** A file of the worker's own. */
    | { readonly kind: 'path'; readonly path: string; readonly sha256: string }
    /** A result in the scratch directory; `open` checks again that it is the file that was seen. */
    | { readonly kind: 'opened'; open(): number };
}

/** Which parts travel inside the sync: in their order, as long as they fit together. */
export function chooseInline(parts: readonly OutgoingPart[], limitBytes = INLINE_BYTES): boolean[] {
  let left = limitBytes;
  return parts.map((part) => {
    if (part.content.kind !== 'memory' || part.bytes > left) return false;
    left -= part.bytes;
    return true;
  });
}

/** Text where the bytes are valid UTF-8, base64 otherwise; both give back the same bytes. */
export function inlinePart(part: OutgoingPart, bytes: Buffer): SentPart {
  const { name, kind, file, cutBytes } = part;
  if (isUtf8(bytes)) return { name, kind, file, cutBytes, text: bytes.toString('utf8') };
  return { name, kind, file, cutBytes, base64: bytes.toString('base64') };
}
