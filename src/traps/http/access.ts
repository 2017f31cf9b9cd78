/** Who may speak to the collector. Decided from addresses alone, before any body is read. */
import { BlockList, isIP, isIPv4 } from 'node:net';
import { trapsErrors } from '../errors.ts';

export interface AccessRules {
  /** Addresses and ranges; this machine's loopback always may. */
  readonly allow: readonly string[];
  /** Whose `X-Forwarded-For` is believed. */
  readonly proxies: readonly string[];
}

const LOOPBACK = ['127.0.0.1', '::1'];
/** A chain of proxies is short; what is longer was made up. */
const HOPS_MOST = 16;

export class Access {
  readonly #allowed: BlockList;
  readonly #proxies: BlockList;

  /** @throws WindrowError RANGE_WRONG */
  constructor({ allow, proxies }: AccessRules) {
    this.#allowed = listOf('allow', [...LOOPBACK, ...allow]);
    this.#proxies = listOf('proxies', proxies);
  }

  /** The address that a connection stands for, and whether it may. */
  judge(peer: string | undefined, forwardedFor?: string): { address: string; isAllowed: boolean } {
    const address = this.#originOf(plainAddress(peer ?? ''), forwardedFor);
    return { address, isAllowed: contains(this.#allowed, address) };
  }

  /** From the last hop backwards, as long as a known proxy tells of the one before it. */
  #originOf(peer: string, forwardedFor: string | undefined): string {
    let address = peer;
    const hops = forwardedFor?.split(',').slice(-HOPS_MOST) ?? [];
    while (contains(this.#proxies, address)) {
      const hop = hops.pop();
      if (hop === undefined) return address;
      address = plainAddress(hop.trim());
    }
    return address;
  }
}

/** An IPv4 address in the clothes of IPv6 is the IPv4 address; zones and brackets go. */
export function plainAddress(text: string): string {
  const bare = text.replace(/^\[(.*)\](?::\d+)?$/, '$1').split('%', 1)[0]!;
  const mapped = /^::ffff:(.+)$/i.exec(bare)?.[1];
  if (mapped === undefined) return bare.replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1');
  if (isIPv4(mapped)) return mapped;
  const words = /^([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(mapped);
  if (!words) return bare;
  const [high, low] = [Number.parseInt(words[1]!, 16), Number.parseInt(words[2]!, 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

function contains(list: BlockList, address: string): boolean {
  const family = isIP(address);
  return family !== 0 && list.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

function listOf(place: string, ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', length] = range.split('/');
    const family = isIP(plainAddress(address));
    const most = family === 4 ? 32 : 128;
    const isLength = length === undefined || (/^\d{1,3}$/.test(length) && Number(length) <= most);
    if (family === 0 || !isLength || range.split('/').length > 2) {
      throw trapsErrors.create('RANGE_WRONG', { place, found: range });
    }
    const kind = family === 4 ? 'ipv4' : 'ipv6';
    list.addSubnet(plainAddress(address), length === undefined ? most : Number(length), kind);
  }
  return list;
}
