/** Who may speak to the collector. Decided from addresses alone, before any body is read. */
import { BlockList, isIP, isIPv4 } from 'node:net';

export interface AccessRules {
  /** Addresses and ranges that were checked; this machine's loopback always may. */
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

  constructor({ allow, proxies }: AccessRules) {
    this.#allowed = listOf([...LOOPBACK, ...allow]);
    this.#proxies = listOf(proxies);
  }

  /** The address that a connection stands for, and whether it may. */
  judge(peer: string | undefined, forwardedFor?: string): { address: string; isAllowed: boolean } {
    const address = this.#originOf(plainAddress(peer ?? ''), forwardedFor);
    return { address, isAllowed: contains(this.#allowed, address) };
  }

  /** Whether nothing that may come from this address is for us, whatever it says. */
  isStranger(peer: string | undefined): boolean {
    const address = plainAddress(peer ?? '');
    return !contains(this.#allowed, address) && !contains(this.#proxies, address);
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

function listOf(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', length] = range.split('/');
    const plain = plainAddress(address);
    const [family, most] = isIPv4(plain) ? (['ipv4', 32] as const) : (['ipv6', 128] as const);
    // Of an IPv4 range in the clothes of IPv6 the first 96 bits are the clothes.
    const clothes = isIPv4(plain) && !isIPv4(address) ? 96 : 0;
    list.addSubnet(
      plain,
      length === undefined ? most : Math.max(0, Number(length) - clothes),
      family,
    );
  }
  return list;
}
