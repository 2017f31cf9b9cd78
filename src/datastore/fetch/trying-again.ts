/** Whether a try that failed is worth another one, and how long to wait before it. */
import { WindrowError } from '#base';
import type { FetchLimits } from '../port.ts';
import { TransferFailure } from '../transport.ts';
import type { FetchOrder } from './order.ts';

/** Longer wishes of an origin are not waited for. */
const MOST_WAIT_MS = 300_000;

/** Null: it is of this machine, and no origin makes it better. */
export function failureOf(error: unknown): Pick<TransferFailure, 'kind' | 'retryAfterMs'> | null {
  if (error instanceof TransferFailure) return error;
  const isDigest = error instanceof WindrowError && error.code === 'DATA_DIGEST_WRONG';
  return isDigest ? { kind: 'wrong', retryAfterMs: null } : null;
}

/** Wrong bytes are asked for once more: a proxy on the way may have spoilt them. */
export function isWorthAnother(
  kind: TransferFailure['kind'],
  tries: number,
  order: FetchOrder,
): boolean {
  if (kind === 'refused') return false;
  const most = (kind === 'wrong' ? Math.min(2, order.tries) : order.tries) * order.sources.length;
  return tries < most;
}

/** Twice as long each round, by chance between the half and the whole of it. */
export function waitMs(
  round: number,
  retryAfterMs: number | null,
  { backoffFromMs, backoffToMs }: FetchLimits,
  random: () => number,
): number {
  const most = Math.min(backoffToMs, backoffFromMs * 2 ** (round - 1));
  return Math.max(Math.min(retryAfterMs ?? 0, MOST_WAIT_MS), most * (0.5 + random() / 2));
}
