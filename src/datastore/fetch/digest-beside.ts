/** The digest that stands in a file beside the one that is fetched. */
import type { FetchLimits } from '../port.ts';
import {
  type StreamOrder,
  type StreamTransport,
  TransferFailure,
  type Transport,
} from '../transport.ts';
import type { Expected } from './checks.ts';
import { type FetchOrder, loginFor } from './order.ts';
import { guardAgainstSlowness } from './slow-guard.ts';

/** A digest and a name take less; what is behind them is of no interest. */
const MOST_BYTES = 4096;

/**
 * `SHA256  NAME`, as sha256sum writes it, or the digest alone; nothing where files come whole, from
 * a program. Rejects with a TransferFailure.
 */
export async function digestBeside(
  order: FetchOrder,
  { transport, url }: { readonly transport: Transport; readonly url: URL },
  limits: FetchLimits,
): Promise<Expected> {
  const said = `${url.pathname.split('/').at(-1)}.sha256 beside it says`;
  if (transport.kind !== 'stream') return { digests: {}, said };
  const beside = new URL(url);
  beside.pathname += '.sha256';
  const guard = guardAgainstSlowness(limits, order.signal);
  try {
    const text = await textOf(transport, {
      url: beside,
      fromByte: 0,
      ifRange: null,
      known: null,
      owner: order.name.owner,
      login: loginFor(order, url),
      isDirect: false,
      signal: guard.signal,
    });
    const [, sha256] = /^\\?([0-9a-f]{64})\b/i.exec(text) ?? [];
    if (sha256 !== undefined) return { digests: { sha256 }, said };
    throw new TransferFailure('refused', 'it does not begin with a SHA-256');
  } catch (error) {
    guard.signal.throwIfAborted();
    if (!(error instanceof TransferFailure)) throw error;
    const { kind, status, retryAfterMs, message } = error;
    throw new TransferFailure(kind, `${beside.href}: ${message}`, { status, retryAfterMs });
  } finally {
    guard.end();
  }
}

/** No more than a digest takes. */
async function textOf(transport: StreamTransport, order: StreamOrder): Promise<string> {
  const opened = await transport.open(order);
  if (opened.kind !== 'whole') throw new TransferFailure('again', 'it was not sent');
  const blocks: Uint8Array[] = [];
  let bytes = 0;
  for await (const block of opened.body) {
    blocks.push(block);
    bytes += block.length;
    if (bytes > MOST_BYTES) break;
  }
  return Buffer.concat(blocks).toString('latin1');
}
