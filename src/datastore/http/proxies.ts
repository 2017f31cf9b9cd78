/**
 * Which way to an origin: through which proxy, or directly. A proxy that failed is passed over for a
 * while, and the origin is asked directly, whatever else was said.
 */
import type { Clock } from '#base';
import { withoutLogin } from '../disk/key.ts';
import { datastoreErrors } from '../errors.ts';
import type { StoreEvent } from '../port.ts';

/** How long a proxy that failed is left alone, as CVMFS has it. */
const BENCH_MS = 300_000;

/** Proxies for each scheme: groups in their order, members of a group in any. */
export interface ProxyRules {
  readonly http: readonly (readonly string[])[];
  readonly https: readonly (readonly string[])[];
  /** Hosts that are asked directly: `example.org` and all below it, `host:port`, `*`. */
  readonly none: readonly string[];
}

export interface Way {
  /** URL of the proxy, with its credentials; null: directly. */
  readonly proxy: string | null;
  /** As users see it. */
  readonly name: string;
}

const DIRECT = 'DIRECT';

/**
 * `http://a:3128|http://b:3128;http://far:3128;DIRECT`: groups parted by `;` are asked in order,
 * members parted by `|` share the load. Throws DATA_PROXY_WRONG.
 */
export function parseProxies(text: string): string[][] {
  const groups = text.split(';').map((group) => group.split('|').map((one) => one.trim()));
  return groups
    .map((group) => group.filter((one) => one !== '').map(parseProxy))
    .filter((group) => group.length > 0);
}

/** `squid.example:3128`, as OSG_SQUID_LOCATION has it, means http. */
function parseProxy(text: string): string {
  if (text.toUpperCase() === DIRECT) return DIRECT;
  const address = text.includes('://') ? text : `http://${text}`;
  const url = URL.canParse(address) ? new URL(address) : null;
  const isUsable = url !== null && /^https?:$/.test(url.protocol) && url.hostname !== '';
  if (isUsable && hasReadableLogin(url)) return url.href;
  throw datastoreErrors.create('DATA_PROXY_WRONG', { proxy: withoutLogin(text) });
}

/** A `%` that begins no byte cannot be undone when the login is sent. */
function hasReadableLogin({ username, password }: URL): boolean {
  try {
    decodeURIComponent(username);
    decodeURIComponent(password);
    return true;
  } catch {
    return false;
  }
}

/**
 * What the environment says, in lower and upper case. `site`, a setting, comes before it;
 * OSG_SQUID_LOCATION before `http_proxy`. HTTP_PROXY in capitals is left alone, as curl does: a web
 * server may have made it of a header.
 */
export function proxyRules(
  site: string,
  environment: Readonly<Record<string, string | undefined>>,
): ProxyRules {
  const of = (name: string) => environment[name] || environment[name.toUpperCase()] || '';
  const squid = environment.OSG_SQUID_LOCATION;
  const known = squid && squid !== 'UNAVAILABLE' ? squid : '';
  const all = of('all_proxy');
  const http = site || known || environment.http_proxy || all;
  const https = site || of('https_proxy') || all;
  const none = of('no_proxy')
    .split(',')
    .map((one) => one.trim().toLowerCase());
  return {
    http: parseProxies(http),
    https: parseProxies(https),
    none: none.filter((one) => one !== ''),
  };
}

export class Proxies {
  readonly #rules: ProxyRules;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #onEvent: (event: StoreEvent) => void;
  /** Failed ones, with the monotonic time until which they are left alone. */
  readonly #benched = new Map<string, number>();

  constructor(
    rules: ProxyRules,
    around: {
      readonly clock: Clock;
      readonly random: () => number;
      onEvent(event: StoreEvent): void;
    },
  ) {
    this.#rules = rules;
    this.#clock = around.clock;
    this.#random = around.random;
    this.#onEvent = around.onEvent;
  }

  /** Ways to try one after the other; the last one is always the direct one. */
  waysTo(url: URL): Way[] {
    const groups = this.#isExempt(url)
      ? []
      : this.#rules[url.protocol === 'https:' ? 'https' : 'http'];
    const ways: Way[] = [];
    const passed: string[] = [];
    for (const group of groups) {
      for (const proxy of this.#shuffled(group)) {
        if (proxy === DIRECT) return [...ways, directWay(passed)];
        passed.push(proxy);
        if (!this.#isBenched(proxy)) ways.push({ proxy, name: `proxy ${shownProxy(proxy)}` });
      }
    }
    return [...ways, directWay(passed)];
  }

  /** The proxy itself is at fault, not the origin behind it. Told of once. */
  failed(proxy: string, reason: string): void {
    const isNew = !this.#benched.has(proxy);
    this.#benched.set(proxy, this.#clock.monotonic() + BENCH_MS);
    if (isNew) this.#onEvent({ kind: 'proxy-failed', proxy: shownProxy(proxy), reason });
  }

  worked(proxy: string): void {
    if (!this.#benched.delete(proxy)) return;
    this.#onEvent({ kind: 'proxy-back', proxy: shownProxy(proxy), reason: 'it answers again' });
  }

  /** By the name that a way had. */
  proxyNamed(name: string): string | null {
    const all = [...this.#rules.http, ...this.#rules.https].flat();
    return all.find((proxy) => proxy !== DIRECT && `proxy ${shownProxy(proxy)}` === name) ?? null;
  }

  #isBenched(proxy: string): boolean {
    return this.#clock.monotonic() < (this.#benched.get(proxy) ?? 0);
  }

  #shuffled(group: readonly string[]): readonly string[] {
    if (group.length < 2) return group;
    const from = Math.floor(this.#random() * group.length) % group.length;
    return [...group.slice(from), ...group.slice(0, from)];
  }

  #isExempt(url: URL): boolean {
    const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
    const port = url.port || (url.protocol === 'https:' ? '443' : '80');
    return this.#rules.none.some((rule) => {
      if (rule === '*') return true;
      const [, name = rule, rulePort] = /^(.*?|\[.*\])(?::(\d+))?$/.exec(rule) ?? [];
      const suffix = name.replace(/^\*?\./, '').replace(/^\[|\]$/g, '');
      const isHost = host === suffix || host.endsWith(`.${suffix}`);
      return isHost && (rulePort === undefined || rulePort === port);
    });
  }
}

function directWay(passed: readonly string[]): Way {
  const after = passed.map(shownProxy).join(', ');
  return { proxy: null, name: after === '' ? 'direct' : `direct after proxy ${after} failed` };
}

function shownProxy(proxy: string): string {
  return new URL(proxy).host;
}
