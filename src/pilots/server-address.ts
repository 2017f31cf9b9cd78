/** Under which address workers on other machines reach the server. */
import { networkInterfaces } from 'node:os';
import { isLoopback } from '#base';
import { pilotErrors } from './errors.ts';

/** `http://HOST:PORT` of the server, as the user names it and as it says itself. */
export interface ServerPlace {
  readonly url: string;
  /** HOST or HOST:PORT that machines are to use; `''`: to be found out. */
  readonly advertise: string;
}

/** Addresses of this machine. */
export type OwnAddresses = readonly { readonly address: string; readonly internal: boolean }[];

/**
 * The URL for a machine, given the address of this one as that machine sees it. A server that
 * listens on all addresses is named by the one over which ssh came, so that the network finds the
 * way; where ssh came over a gateway, by the first that is none of loopback.
 *
 * The function throws PILOT_SERVER_LOCAL where only this machine itself can reach the server.
 */
export function urlsForMachines(
  { url, advertise }: ServerPlace,
  own: OwnAddresses = ownAddresses(),
): (ownAddress: string) => string {
  const server = new URL(url);
  if (advertise !== '') return always(withHost(server, advertise));
  const host = server.hostname.replace(/^\[(.*)\]$/, '$1');
  if (isLoopback(host)) {
    return (seen) => {
      if (isLoopback(seen)) return url;
      throw pilotErrors.create('PILOT_SERVER_LOCAL', { url });
    };
  }
  if (host !== '0.0.0.0' && host !== '::') return always(url);
  const first = own.find(({ internal, address }) => !internal && !/^fe80:/i.test(address));
  return (seen) => {
    const isOwn = isLoopback(seen) || own.some(({ address }) => address === seen);
    if (isOwn) return withHost(server, bracketed(seen));
    if (!first) throw pilotErrors.create('PILOT_SERVER_LOCAL', { url });
    return withHost(server, bracketed(first.address));
  };
}

function always(url: string): () => string {
  return () => url;
}

/** `advertise` may bring a port of its own. */
function withHost(server: URL, host: string): string {
  const port = /:\d+$/.test(host.replace(/^\[.*\]/, '')) ? '' : `:${portOf(server)}`;
  return `${server.protocol}//${host}${port}${server.hash}`;
}

function portOf({ port, protocol }: URL): string {
  return port || (protocol === 'https:' ? '443' : '80');
}

function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

function ownAddresses(): OwnAddresses {
  return Object.values(networkInterfaces()).flatMap((all) => all ?? []);
}
