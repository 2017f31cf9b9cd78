/**
 * What lies beside a part, so that another process can go on with it: of which version its bytes are,
 * and how many of them are sure to be there.
 */
import { rename, writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { bootId } from '#base';
import { readSmallFile, writeWhole } from '../disk/files.ts';
import type { Digests, Validators } from '../transport.ts';

/** Its headers are bounded, and few. */
const MOST_STATE_BYTES = 64 * 1024;

/** What the origin said when it began to send the version; a 206 repeats only some of it. */
export interface PartVersion {
  readonly url: string;
  readonly validators: Validators;
  readonly totalBytes: number | null;
  readonly mediaType: string | null;
  readonly digests: Digests;
  readonly headers: Readonly<Record<string, string>>;
  readonly status: number;
  readonly isPrivate: boolean;
}

/** How far a part is sure to be on the disk, whatever happens to the machine. */
export interface Flushed {
  readonly bytes: number;
  /** SHA-256 of those; a disk that lost power may have zeros in their place. `''` of none. */
  readonly sha256: string;
}

export interface PartState extends Flushed {
  readonly version: PartVersion;
  /** Names this run of the kernel: while it lasts all that was written is there. */
  readonly boot: string;
}

export const NOTHING_FLUSHED: Flushed = { bytes: 0, sha256: '' };

export function stateOf(path: string): string {
  return `${path}.state`;
}

/** `isSure`: it survives a loss of power; else only the process. */
export async function writeState(
  path: string,
  version: PartVersion,
  flushed: Flushed,
  isSure: boolean,
): Promise<void> {
  const state: PartState = { version, ...flushed, boot: bootId() };
  const aside = `${path}.new`;
  if (isSure) return writeWhole(aside, stateOf(path), JSON.stringify(state));
  await writeFile(aside, JSON.stringify(state), { mode: 0o600 });
  await rename(aside, stateOf(path));
}

/** Null: there is none, or it cannot be read. */
export async function readState(path: string): Promise<PartState | null> {
  try {
    const text = await readSmallFile(stateOf(path), MOST_STATE_BYTES);
    const found = JSON.parse(text ?? 'null') as PartState | null;
    const isRight =
      typeof found?.version?.url === 'string' &&
      typeof found.version.validators === 'object' &&
      Number.isSafeInteger(found.bytes) &&
      typeof found.sha256 === 'string';
    return isRight ? found : null;
  } catch {
    return null;
  }
}

/** All that was written under this kernel can still be read, whatever became of the writer. */
export function isOfThisBoot({ boot }: PartState): boolean {
  return boot !== '' && boot === bootId();
}

/** Of `parts/HASH.SHARER.part`. */
export function partOwner(path: string): { readonly hash: string; readonly sharer: string } | null {
  const found = /^([0-9a-f]{64})\.(.+)\.part$/.exec(basename(path));
  return found && dirname(path) !== '' ? { hash: found[1]!, sharer: found[2]! } : null;
}
