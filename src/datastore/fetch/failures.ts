/** What users are told of a fetch or of the store's own disk, from what a transport or the system said. */
import { systemCodeOf, systemReasonOf, WindrowError } from '#base';
import { withoutLogin } from '../disk/key.ts';
import { datastoreErrors } from '../errors.ts';
import { TransferFailure } from '../transport.ts';
import type { Errand } from './order.ts';

/** What is told in the end of a fetch that failed: DATA_*, or the reason of the order's signal. */
export function fetchFailure(
  { order, counts }: Pick<Errand, 'order' | 'counts'>,
  error: unknown,
  directory: string,
): unknown {
  if (order.signal.aborted) return order.signal.reason;
  if (error instanceof WindrowError) return error;
  const { key } = order.name;
  if (error instanceof TransferFailure) {
    const { status, subcode } = error;
    const source = withoutLogin(order.sources[0] ?? key);
    const facts = { key, reason: error.message, source, upstream: status, subcode, ...counts };
    const code = error.kind === 'refused' ? 'DATA_REFUSED' : 'DATA_FETCH_FAILED';
    return datastoreErrors.create(code, facts, { cause: error });
  }
  return storeFailure(error, key, directory);
}

/** What a file system said when it could not store something, as users may see it. */
export function storeFailure(error: unknown, key: string, directory: string): unknown {
  const code = systemCodeOf(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return datastoreErrors.create('DATA_DISK_FULL', { directory, key }, { cause: error });
  }
  if (code === undefined || error instanceof WindrowError) return error;
  const reason = systemReasonOf(error);
  return datastoreErrors.create('DATA_STORE_FAILED', { directory, reason }, { cause: error });
}
