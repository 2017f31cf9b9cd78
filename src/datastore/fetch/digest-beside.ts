/** The digest that stands in a file beside the one that is fetched. */
import { TransferFailure, type Transport } from '../transport.ts';
import type { Expected } from './checks.ts';
import { type FetchOrder, loginFor } from './order.ts';

/** A digest and a name take less; what is behind them is of no interest. */
const MOST_BYTES = 4096;

/**
 * `SHA256  NAME`, as sha256sum writes it, or the digest alone; nothing where files come whole, from
 * a program. Rejects with a TransferFailure.
 */
export async function digestBeside(
  order: FetchOrder,
  { transport, url }: { readonly transport: Transport; readonly url: URL },
): Promise<Expected> {
  const said = `${url.pathname.split('/').at(-1)}.sha256 beside it says`;
  if (transport.kind !== 'stream') return { digests: {}, said };
  const beside = new URL(url);
  beside.pathname += '.sha256';
  const opened = await transport.open({
    url: beside,
    fromByte: 0,
    ifRange: null,
    known: null,
    owner: order.name.owner,
    login: loginFor(order, url),
    signal: order.signal,
  });
  if (opened.kind !== 'whole') throw new TransferFailure('again', `${beside.href} was not sent`);
  const blocks: Uint8Array[] = [];
  let bytes = 0;
  for await (const block of opened.body) {
    blocks.push(block);
    bytes += block.length;
    if (bytes > MOST_BYTES) break;
  }
  const [, sha256] = /^\\?([0-9a-f]{64})\b/i.exec(Buffer.concat(blocks).toString('latin1')) ?? [];
  if (sha256 === undefined) {
    throw new TransferFailure('refused', `${beside.href} does not begin with a SHA-256`);
  }
  return { digests: { sha256 }, said };
}
