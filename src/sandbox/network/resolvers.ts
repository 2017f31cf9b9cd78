/**
 * Which name servers can be asked from within a network of its own: loopback is the attempt's own
 * there, so a resolver on the machine's loopback, as systemd-resolved is one, is out of reach. What
 * that one asks itself is written down elsewhere.
 */
import { readFileSync } from 'node:fs';
import { isIP, isIPv6 } from 'node:net';

/** resolv.conf(5); systemd-resolved(8) has the servers that it asks in the second. */
const FILES = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf'];
/** The C library takes no more. */
const MOST_SERVERS = 3;

export interface Resolvers {
  /** Addresses that can be asked. */
  readonly servers: readonly string[];
  /** The other lines of the machine's resolv.conf. */
  readonly rest: readonly string[];
}

/** `configured` by the administrator, else from the machine's files. */
export function findResolvers(configured: readonly string[], hasIpv6: boolean): Resolvers {
  const texts = FILES.map(readText);
  const rest = (texts[0] ?? '')
    .split('\n')
    .filter((line) => /^\s*(search|domain|options)\s/.test(line));
  if (configured.length > 0) return { servers: configured.slice(0, MOST_SERVERS), rest };
  for (const text of texts) {
    const servers = serversIn(text).filter((address) => isReachable(address, hasIpv6));
    if (servers.length > 0) return { servers: servers.slice(0, MOST_SERVERS), rest };
  }
  return { servers: [], rest };
}

/** What the attempt finds as /etc/resolv.conf. */
export function resolvConf({ servers, rest }: Resolvers): string {
  return `${[...servers.map((server) => `nameserver ${server}`), ...rest].join('\n')}\n`;
}

function serversIn(text: string): string[] {
  return text.split('\n').flatMap((line) => {
    const address = /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? '';
    return isIP(address) === 0 ? [] : [address];
  });
}

/** `fe80::1%eth0` means something only on the machine itself. */
function isReachable(address: string, hasIpv6: boolean): boolean {
  if (!isIPv6(address)) return !address.startsWith('127.') && address !== '0.0.0.0';
  return hasIpv6 && address !== '::1' && address !== '::' && !/^fe[89ab]|%/i.test(address);
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8').slice(0, 64 * 1024);
  } catch {
    return '';
  }
}
