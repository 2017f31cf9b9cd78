/** Networks in CIDR notation (RFC 4632, RFC 4291), IPv4 and IPv6, and the addresses in them. */
import { isIPv4 } from 'node:net';

export interface IpNetwork {
  readonly family: 4 | 6;
  /** The first address, as a number. */
  readonly first: bigint;
  /** Bits of `first` that all addresses share. */
  readonly prefix: number;
}

const BITS = { 4: 32, 6: 128 } as const;

/** `10.0.0.0/8`, `fc00::/7`; an address alone is a network of one. Null when it is neither. */
export function parseIpNetwork(text: string): IpNetwork | null {
  const parts = /^([0-9A-Fa-f.:]{2,45})(?:\/(\d{1,3}))?$/.exec(text.trim());
  const family = parts && familyOf(parts[1]!);
  if (!parts || !family) return null;
  const prefix = parts[2] === undefined ? BITS[family] : Number(parts[2]);
  if (prefix > BITS[family]) return null;
  const hostBits = BigInt(BITS[family] - prefix);
  return { family, first: (numberOf(parts[1]!) >> hostBits) << hostBits, prefix };
}

export function formatIpNetwork({ family, first, prefix }: IpNetwork): string {
  return `${formatAddressNumber(family, first)}/${prefix}`;
}

/** How many addresses it has. */
export function sizeOfIpNetwork({ family, prefix }: IpNetwork): bigint {
  return 1n << BigInt(BITS[family] - prefix);
}

/** The address at `index`, counted from 0. Throws RangeError beyond the end. */
export function ipAddressAt(network: IpNetwork, index: number): string {
  if (index < 0 || BigInt(index) >= sizeOfIpNetwork(network)) throw new RangeError(String(index));
  return formatAddressNumber(network.family, network.first + BigInt(index));
}

export function ipNetworksOverlap(one: IpNetwork, other: IpNetwork): boolean {
  if (one.family !== other.family) return false;
  const shared = BigInt(BITS[one.family] - Math.min(one.prefix, other.prefix));
  return one.first >> shared === other.first >> shared;
}

/**
 * Every command reads settings that are networks. `isIPv6` is a regular expression that takes 5 ms to
 * compile; the URL standard has the same addresses between brackets.
 */
function familyOf(address: string): 4 | 6 | null {
  if (isIPv4(address)) return 4;
  return address.includes(':') && URL.canParse(`http://[${address}]`) ? 6 : null;
}

/** `address` is known to be one. */
function numberOf(address: string): bigint {
  if (!address.includes(':')) {
    return address.split('.').reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  }
  const embedded = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(address);
  const text = embedded ? embedded[1]! + hexPair(numberOf(embedded[2]!)) : address;
  const [head = [], tail = []] = text.split('::').map((half) => half.split(':').filter(Boolean));
  const zeros = text.includes('::') ? new Array(8 - head.length - tail.length).fill('0') : [];
  return [...head, ...zeros, ...tail].reduce(
    (sum, group) => (sum << 16n) | BigInt(`0x${group}`),
    0n,
  );
}

function hexPair(number: bigint): string {
  return `${(number >> 16n).toString(16)}:${(number & 0xffffn).toString(16)}`;
}

function formatAddressNumber(family: 4 | 6, number: bigint): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((bits) => (number >> bits) & 0xffn).join('.');
  const groups = Array.from({ length: 8 }, (_, index) =>
    ((number >> BigInt(112 - 16 * index)) & 0xffffn).toString(16),
  );
  // The URL standard prescribes the short form of RFC 5952.
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
