/**
 * Bytes that come as a stream: where the part that is here may be gone on with, and when it must be
 * begun again, because no two versions may ever be mixed.
 */
import { mayBeStored } from '../http/freshness.ts';
import type { FetchLimits, StoreEvent } from '../port.ts';
import { type Digests, type Opened, type StreamTransport, TransferFailure } from '../transport.ts';
import { type FetchedFile, fileOf, unchangedOf } from './fetched-file.ts';
import { type Errand, type FetchOrder, loginFor, refuseLarge } from './order.ts';
import type { Part } from './part.ts';
import type { PartVersion } from './part-state.ts';
import { guardAgainstSlowness } from './slow-guard.ts';
import { strongValidator } from './validators.ts';

/** An origin that changes faster than it can be read is given up. */
const MOST_RESTARTS = 10;

export interface StreamingParts {
  readonly limits: FetchLimits;
  onEvent(event: StoreEvent): void;
}

/**
 * Brings the bytes of `url` into the errand's part, from where it stands if that is of the same
 * version. Rejects with a TransferFailure, DATA_TOO_LARGE, or what the file system said.
 */
export async function bringStream(
  parts: StreamingParts,
  errand: Errand,
  transport: StreamTransport,
  url: URL,
  isDirect: boolean,
): Promise<FetchedFile> {
  const { part, counts } = errand;
  for (;;) {
    const { ifRange, fromByte } = goingOn(part, url);
    if (fromByte === 0 && part.bytes > 0)
      await restart(parts, errand, 'it has no strong validator');
    const guard = guardAgainstSlowness(parts.limits, errand.order.signal);
    try {
      const opened = await transport.open({
        url,
        fromByte,
        ifRange,
        known: fromByte === 0 ? errand.order.known : null,
        owner: errand.order.name.owner,
        login: loginFor(errand.order, url),
        signal: guard.signal,
        isDirect,
      });
      if (opened.kind === 'unchanged') return unchangedOf(opened, url, counts);
      if (opened.kind === 'restart') {
        await restart(parts, errand, 'the origin has another version');
        continue;
      }
      if (opened.kind === 'whole' && part.bytes > 0) {
        await restart(
          parts,
          errand,
          'the origin has another version, or does not go on with this one',
        );
      }
      if (opened.kind === 'part' && !isSameLength(part, opened.totalBytes)) {
        await restart(parts, errand, 'the origin has another version');
        continue;
      }
      if (opened.kind === 'part') counts.resumes++;
      const version = versionOf(part, opened, url);
      await takeBody(errand, opened, version, guard).catch((error) => {
        // Not for what is of this machine, or was broken off by whoever waited.
        if (error instanceof TransferFailure) transport.blame?.(url, opened.way);
        throw error;
      });
      return fileOf(await part.finish(), { ...version, way: opened.way }, url, counts);
    } catch (error) {
      guard.signal.throwIfAborted();
      throw error;
    } finally {
      guard.end();
    }
  }
}

async function takeBody(
  { order, part, counts }: Errand,
  opened: Sent,
  version: PartVersion,
  guard: { add(bytes: number): void },
): Promise<void> {
  const { totalBytes, digests, validators, headers } = version;
  refuseLarge(order, totalBytes ?? 0);
  // What may not be stored is left for nobody.
  part.begin(version, strongValidator(validators) !== null && mayBeStored(headers));
  order.onProgress(part.bytes, totalBytes);
  for await (const block of opened.body) {
    guard.add(block.length);
    counts.movedBytes += block.length;
    await part.write(block);
    refuseLarge(order, part.bytes);
    order.onProgress(part.bytes, totalBytes);
  }
  if (totalBytes !== null && part.bytes < totalBytes) {
    const told = `the connection ended after ${part.bytes} of ${totalBytes} bytes`;
    throw new TransferFailure('again', told);
  }
  if (totalBytes !== null && part.bytes > totalBytes) {
    await part.restart();
    throw new TransferFailure('wrong', `more than the announced ${totalBytes} bytes came`);
  }
  // Where the connection's end is the end of the file, nobody can tell a short file from a whole one.
  if (totalBytes === null && !opened.endIsProof && !hasProof(order, digests)) {
    await part.restart();
    const told = 'the origin does not say how long it is; give its SHA-256';
    throw new TransferFailure('refused', told);
  }
}

type Sent = Extract<Opened, { kind: 'whole' | 'part' }>;

/** An answer with the rest repeats only some of what was said of the whole. */
function versionOf({ version: before }: Part, opened: Sent, url: URL): PartVersion {
  const { validators, totalBytes, mediaType, digests, headers, status, isPrivate } = opened;
  const version = { url: url.href, validators, totalBytes, mediaType, digests };
  if (opened.kind === 'whole' || before === null) return { ...version, headers, status, isPrivate };
  return {
    ...before,
    totalBytes: totalBytes ?? before.totalBytes,
    mediaType: before.mediaType ?? mediaType,
    digests: { ...before.digests, ...digests },
    headers: { ...before.headers, ...headers },
    isPrivate: before.isPrivate || isPrivate,
  };
}

async function restart(
  parts: StreamingParts,
  { order, part, counts }: Errand,
  reason: string,
): Promise<void> {
  if (++counts.restarts > MOST_RESTARTS) {
    throw new TransferFailure('again', 'it changes faster than it can be read');
  }
  await part.restart();
  order.onProgress(0, null);
  parts.onEvent({ kind: 'restarted', key: order.name.key, reason });
}

function goingOn(part: Part, url: URL): { fromByte: number; ifRange: string | null } {
  const { version } = part;
  const ifRange = version === null ? null : strongValidator(version.validators);
  if (part.bytes === 0 || ifRange === null || version?.url !== url.href) {
    return { fromByte: 0, ifRange: null };
  }
  return { fromByte: part.bytes, ifRange };
}

function isSameLength({ version }: Part, totalBytes: number | null): boolean {
  return version === null || version.totalBytes === null || version.totalBytes === totalBytes;
}

function hasProof(order: FetchOrder, said: Digests): boolean {
  const known = Object.keys(order.digests).length + Object.keys(said).length;
  return known > 0 || order.hasDigestBeside || order.bytes !== null;
}
