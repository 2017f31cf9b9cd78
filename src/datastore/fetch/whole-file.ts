/** Bytes that a transport writes to a path by itself, in one go: always from the start. */
import type { FileTransport } from '../transport.ts';
import { type FetchedFile, fileOf, unchangedOf } from './fetched-file.ts';
import { type Errand, loginFor, refuseLarge } from './order.ts';

/** Rejects with a TransferFailure, DATA_TOO_LARGE, or what the file system said; leaves nothing then. */
export async function bringWholeFile(
  errand: Errand,
  transport: FileTransport,
  url: URL,
): Promise<FetchedFile> {
  const { order, part, counts } = errand;
  await part.restart();
  await part.discard();
  const { path } = part;
  try {
    const brought = await transport.bring({
      url,
      path,
      known: order.known,
      owner: order.name.owner,
      login: loginFor(order, url),
      signal: order.signal,
      mostBytes: order.mostBytes,
      onProgress: order.onProgress,
    });
    if (brought.kind === 'unchanged') {
      return unchangedOf({ ...brought, headers: null, status: 0 }, url, counts);
    }
    const draft = await part.takeOver(brought.totalBytes);
    refuseLarge(order, draft.bytes);
    counts.movedBytes += draft.bytes;
    return fileOf(draft, { ...brought, headers: null, status: 0 }, url, counts);
  } catch (error) {
    await part.discard();
    throw error;
  }
}
