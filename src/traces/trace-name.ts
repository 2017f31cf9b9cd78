/**
 * Names that come from senders become names of files: what could leave the store, hide in it or
 * confuse those who look at it is refused, never mended.
 */
import { tracesErrors } from './errors.ts';

/** Most file systems take 255 bytes; the description of a file has `.json` behind its name. */
const STORED_BYTES = 240;
/** What is sent may get a suffix. */
const SENT_BYTES = 224;
const ID_BYTES = 64;

/** Names that are devices on some systems, whatever follows the dot. */
const DEVICE = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\..*)?$/i;

/** Why `name` cannot be that of a stored file, or null. */
export function faultOfName(name: string, mostBytes = STORED_BYTES): string | null {
  if (name === '') return 'it is empty';
  if (/[/\\]/.test(name)) return 'it has a separator';
  if (/^[a-z]:/i.test(name)) return 'it begins with a drive';
  if (/[\0-\x1f\x7f-\x9f]/.test(name)) return 'it has control characters';
  if (/\p{Cf}|\p{Zl}|\p{Zp}/u.test(name)) return 'it has characters that cannot be seen';
  if (!name.isWellFormed() || name.includes('\ufffd')) return 'it is not valid UTF-8';
  if (name.startsWith('.')) return 'it begins with a dot';
  if (name.endsWith('.')) return 'it ends with a dot';
  if (name.trim() !== name) return 'it begins or ends with a blank';
  if (DEVICE.test(name)) return 'it is the name of a device';
  return Buffer.byteLength(name) > mostBytes ? `it is longer than ${mostBytes} bytes` : null;
}

/** Why `id` cannot be a trace id, or null. */
export function faultOfId(id: string): string | null {
  const fault = faultOfName(id, ID_BYTES);
  if (fault !== null) return fault;
  return /^[A-Za-z0-9._+-]+$/.test(id)
    ? null
    : 'it has other signs than letters, digits and . _ + -';
}

/** The name of a stored file. Throws `TRACE_NAME_UNSAFE`. */
export function requireName(name: string): string {
  return withoutFault(name, faultOfName(name));
}

/** The name that a sender gives. Throws `TRACE_NAME_UNSAFE`. */
export function requireSentName(name: string): string {
  return withoutFault(name, faultOfName(name, SENT_BYTES));
}

function withoutFault(name: string, reason: string | null): string {
  if (reason === null) return name;
  throw tracesErrors.create('TRACE_NAME_UNSAFE', {
    what: 'the file name',
    name: quoted(name),
    reason,
  });
}

/** Throws `TRACE_NAME_UNSAFE`. */
export function requireId(id: string): string {
  const reason = faultOfId(id);
  if (reason === null) return id;
  throw tracesErrors.create('TRACE_NAME_UNSAFE', {
    what: 'the trace id',
    name: quoted(id),
    reason,
  });
}

/** For messages: bounded, and nothing in it acts on a terminal. */
function quoted(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);
}
