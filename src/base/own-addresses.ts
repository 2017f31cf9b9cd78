import { networkInterfaces } from 'node:os';
import { isLoopback } from './settings.ts';

/**
 * Whether what is sent to this host never leaves this machine: loopback, and the addresses of its
 * own interfaces. A name other than `localhost` may lead elsewhere tomorrow, and does not count.
 * @param host without brackets
 */
export function isThisMachine(host: string): boolean {
  if (isLoopback(host)) return true;
  const own = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  return own.some(({ address }) => address === host.split('%', 1)[0]);
}
