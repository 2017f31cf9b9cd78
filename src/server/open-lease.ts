/** How long a client of the open protocol may be silent, and how it is told from other workers. */
import type { JobSpec } from '#model';
import type { Settings } from './core.ts';

/** A client is taken for lost when this many pings did not come. */
const PINGS_MISSED = 3;
const PREFIX = 'open-';

/** The name of a client as a worker; a name is used once, also after a restart. */
export function openClientId(nextTicket: number, count: number): string {
  return `${PREFIX}${nextTicket}-${count}`;
}

export function isOpenClient(worker: string): boolean {
  return worker.startsWith(PREFIX);
}

/** Without pings only the end of the job's own time limit tells that a client has vanished. */
export function openLeaseMs(
  { pingSeconds, leaseMs }: Settings,
  { timeoutMs, killGraceMs }: Pick<JobSpec, 'timeoutMs' | 'killGraceMs'>,
): number {
  if (pingSeconds > 0) return Math.max(leaseMs, PINGS_MISSED * pingSeconds * 1000);
  return timeoutMs > 0 ? timeoutMs + killGraceMs + leaseMs : Number.POSITIVE_INFINITY;
}
