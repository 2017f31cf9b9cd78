/** The `.key` file: what is known of an entry, as one line of JSON. */
import type { Validators } from '../transport.ts';
import type { FileIdentity } from './files.ts';
import type { EntryName } from './key.ts';

/** Keys are bounded, kept headers are few. */
export const MOST_DESCRIPTION_BYTES = 64 * 1024;

export interface Description extends EntryName {
  readonly bytes: number;
  readonly sha256: string;
  /** Of large files made late, since it takes longer than all else: null until then. */
  readonly md5: string | null;
  readonly mediaType: string | null;
  readonly validators: Validators;
  readonly status: number;
  /** Where it came from, without secrets. */
  readonly source: string;
  readonly via: string;
  readonly storedAtMs: number;
  readonly verifiedAtMs: number;
  readonly validatedAtMs: number;
  /** What RFC 9111 needs to judge freshness, made by `http/freshness.ts`; null: no such rules. */
  readonly policy: object | null;
  /** Credentials were needed for it, or at least sent. */
  readonly isPrivate: boolean;
  readonly file: FileIdentity;
}

const FORMAT = 1;

export function descriptionText(description: Description): string {
  return `${JSON.stringify({ format: FORMAT, ...description })}\n`;
}

const HEX = (digits: number) => new RegExp(`^[0-9a-f]{${digits}}$`);
const SHA256 = HEX(64);
const MD5 = HEX(32);

/** Null when it is none: torn, of another version, or not what its kind must be. */
export function parseDescription(text: string): Description | null {
  const found = parseRecord(text);
  if (found === null || found.format !== FORMAT) return null;
  const { file, validators } = found;
  const isRight =
    [found.key, found.owner, found.hash, found.source, found.via].every(isText) &&
    [found.bytes, found.storedAtMs, found.verifiedAtMs, found.validatedAtMs].every(isNumber) &&
    typeof found.isPrivate === 'boolean' &&
    isText(found.sha256) &&
    SHA256.test(found.sha256) &&
    (found.md5 === null || (isText(found.md5) && MD5.test(found.md5))) &&
    isRecord(validators) &&
    [validators.etag, validators.lastModified, validators.date].every(isTextOrNull) &&
    isRecord(file) &&
    file.bytes === found.bytes &&
    isText(file.modifiedNs);
  return isRight ? (found as unknown as Description) : null;
}

function parseRecord(text: string): Record<string, unknown> | null {
  try {
    const found: unknown = JSON.parse(text);
    return isRecord(found) ? found : null;
  } catch {
    return null;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isTextOrNull(value: unknown): boolean {
  return value === null || isText(value);
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}
