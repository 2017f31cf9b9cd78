/**
 * Slows down who tries wrong sessions: a token bucket per address. Only wrong sessions draw from
 * it and only they are refused by it: a right one always passes, so that a stranger behind the
 * same address (NAT, a login node) cannot lock workers out. Guessing 256 bits is hopeless at any
 * rate; what the limit saves is the log and the server's time.
 */
import { isIPv6 } from 'node:net';
import type { Clock } from '#base';

export interface SessionLimitSettings {
  /** Wrong sessions that an address may send at once. */
  readonly burst: number;
  /** How often it gets one of them back. */
  readonly refillMs: number;
  /** Addresses remembered; the ones longest silent are forgotten first. */
  readonly maxAddresses: number;
}

export const DEFAULT_SESSION_LIMIT: SessionLimitSettings = {
  burst: 20,
  refillMs: 3_000,
  maxAddresses: 10_000,
};

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

export class SessionLimit {
  readonly #clock: Clock;
  readonly #settings: SessionLimitSettings;
  /** In order of last use, oldest first: that is the order a Map keeps when entries are re-added. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock, settings: SessionLimitSettings = DEFAULT_SESSION_LIMIT) {
    this.#clock = clock;
    this.#settings = settings;
  }

  /** Addresses remembered now. */
  get size(): number {
    return this.#buckets.size;
  }

  /**
   * Notes a wrong session from `address`. Returns 0 when it is to be told so (403), or the
   * milliseconds it should wait (429, `Retry-After`).
   */
  wrong(address: string): number {
    const key = networkOf(address);
    const bucket = this.#refilled(key);
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    this.#forgetOldest();
    if (bucket.tokens < 1) return Math.ceil((1 - bucket.tokens) * this.#settings.refillMs);
    bucket.tokens -= 1;
    return 0;
  }

  #refilled(key: string): Bucket {
    const { burst, refillMs } = this.#settings;
    const nowMs = this.#clock.monotonic();
    const bucket = this.#buckets.get(key);
    if (!bucket) return { tokens: burst, filledAtMs: nowMs };
    bucket.tokens = Math.min(burst, bucket.tokens + (nowMs - bucket.filledAtMs) / refillMs);
    bucket.filledAtMs = nowMs;
    return bucket;
  }

  #forgetOldest(): void {
    while (this.#buckets.size > this.#settings.maxAddresses) {
      const oldest = this.#buckets.keys().next();
      if (oldest.done) return;
      this.#buckets.delete(oldest.value);
    }
  }
}

/** One subscriber usually has a whole /64 of IPv6 (RFC 6177), so that is what is counted. */
function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped) return mapped[1]!;
  const bare = address.split('%', 1)[0]!;
  if (!isIPv6(bare)) return address.slice(0, 64);
  const [head = '', tail] = bare.toLowerCase().split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const after = tail === '' ? 0 : tail.split(':').length;
    while (groups.length + after < 8) groups.push('0');
    if (tail !== '') groups.push(...tail.split(':'));
  }
  return `${groups.slice(0, 4).join(':')}::/64`;
}
