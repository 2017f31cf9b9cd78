/** The id that all uploads of one collection share. */

/**
 * The date in seconds and nanoseconds, as `1795276800.123456789`: nothing in it says where it was
 * made. `nanoseconds` are those since the epoch.
 */
export function traceIdAt(nanoseconds: bigint): string {
  const seconds = nanoseconds / 1_000_000_000n;
  const rest = String(nanoseconds % 1_000_000_000n).padStart(9, '0');
  return `${seconds}.${rest}`;
}
