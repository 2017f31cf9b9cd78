/**
 * Names of what is made on the machine for the networks of a worker, all with its tag, and the
 * addresses that belong to one of them.
 *
 * The tag is `windrow-` and 8 hex digits; a device's name has 15 characters at most, so there it is
 * `w`, the digits and `-`.
 */
import { type IpNetwork, ipAddressAt, sizeOfIpNetwork } from '#base';
import type { NetworkSettings } from './settings.ts';

/** Where iproute2 keeps namespaces by name. */
export const NAMESPACES = '/run/netns';

/** Each worker on a machine takes its addresses from a block of its own. */
export const BLOCK_ADDRESSES = 2048;
const MOST_BLOCKS = 64;
/** The first two of each block are left: the very first are the network's own and the gateway. */
const FIRST_INDEX = 2;
export const INDEXES = BLOCK_ADDRESSES - FIRST_INDEX;
/** Zones are 16-bit numbers, 0 is everybody's. A prime, so that address and zone recur together late. */
const BLOCK_ZONES = 1024;
const ZONES = 1021;
/** 36⁵: what five characters can count. */
export const SERIALS = 60_466_176;

/** Networks of one worker that can exist at a time. */
export const MOST_NETWORKS = 1000;

/** The network of one attempt. */
export interface AttemptNetwork {
  /** Name of its namespace and of its chain. */
  readonly identifier: string;
  /** The machine's end of the pair; the other end is `eth0`. */
  readonly device: string;
  /** Addresses kept for it: nobody else on this machine has them. */
  readonly address4: string;
  /** `''` where the machine forwards no IPv6. */
  readonly address6: string;
  /** Connections are tracked apart from those of others that had the address before. */
  readonly zone: number;
}

export interface Gateways {
  readonly gateway4: string;
  readonly gateway6: string;
}

/** The same on every device: the first usable address of the inner networks. */
export function gatewaysOf({ inner4, inner6 }: NetworkSettings): Gateways {
  return { gateway4: ipAddressAt(inner4, 1), gateway6: ipAddressAt(inner6, 1) };
}

/** How many workers of this machine can have addresses. */
export function blocksOf({ inner4, inner6 }: NetworkSettings): number {
  const all = [blocksIn(inner4), blocksIn(inner6), BigInt(MOST_BLOCKS)];
  return Number(all.reduce((a, b) => (a < b ? a : b)));
}

export function blocksIn(network: IpNetwork): bigint {
  return sizeOfIpNetwork(network) / BigInt(BLOCK_ADDRESSES);
}

export function tableOf(block: number): string {
  return `windrow-${block}`;
}

export function blockOfTable(table: string): number {
  return Number(table.slice('windrow-'.length));
}

/** Names of devices begin so. */
export function devicePrefix(tag: string): string {
  return `w${tag.slice(-8)}-`;
}

/** The network with that number; numbers that differ by less than `MOST_NETWORKS` share nothing. */
export function networkNumber(
  serial: number,
  block: number,
  tag: string,
  { inner4, inner6 }: NetworkSettings,
  hasIpv6: boolean,
): AttemptNetwork {
  const name = (serial % SERIALS).toString(36);
  const index = block * BLOCK_ADDRESSES + FIRST_INDEX + (serial % INDEXES);
  return {
    identifier: `${tag}-${name}`,
    device: devicePrefix(tag) + name,
    address4: ipAddressAt(inner4, index),
    address6: hasIpv6 ? ipAddressAt(inner6, index) : '',
    zone: block * BLOCK_ZONES + 1 + (serial % ZONES),
  };
}

/** The reverse of `networkNumber`, by the name of its device. */
export function networkOfDevice(
  device: string,
  block: number,
  tag: string,
  settings: NetworkSettings,
): AttemptNetwork {
  const serial = Number.parseInt(device.slice(devicePrefix(tag).length), 36);
  return networkNumber(serial, block, tag, settings, true);
}
