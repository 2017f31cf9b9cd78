/** The attempt's own end of a network: loopback, addresses and routes. */
import type { InnerAddress } from './routing-script.ts';

/** What ip(8) is to do in the namespace, a command a line; it may be done twice. */
export function insideLines(addresses: readonly InnerAddress[]): string {
  return [
    'link set lo up',
    // No address that nobody gave: it would only send what nobody asked for.
    'link set eth0 addrgenmode none',
    ...addresses.map(addressLine),
    'link set eth0 up',
    ...addresses.flatMap(routeLines),
  ].join('\n');
}

/** Nobody else can have the address: it need not be asked for (`nodad`). */
function addressLine({ address }: InnerAddress): string {
  const [bits, flags] = isSix(address) ? [128, ' nodad'] : [32, ''];
  return `addr replace ${address}/${bits} dev eth0${flags}`;
}

function routeLines({ address, gateway }: InnerAddress): string[] {
  const all = isSix(address) ? '::/0' : '0.0.0.0/0';
  if (gateway === null) return [`route replace ${all} dev eth0`];
  return [`route replace ${gateway} dev eth0`, `route replace ${all} via ${gateway} dev eth0`];
}

function isSix(address: string): boolean {
  return address.includes(':');
}
