/**
 * A machine with its surroundings, made of network namespaces: the worker's side acts on `host`, a
 * machine of the site and one of the outside world are its neighbours. Loaded by tests only.
 *
 *   attempts ── host ──┬── site   10.61.0.2, fd61::2
 *                      └── world  203.0.113.2, 2001:db8:61::2
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { parseIpNetwork } from '#base';
import { until } from '../../starter-world.ts';
import { type RunTool, runTool } from '../../tool.ts';
import { type AccountedNetworks, openAccountedNetworks } from '../accounted-networks.ts';
import { listPairEnds } from '../machine.ts';
import { SERIALS } from '../names.ts';
import type { NetworkSettings } from '../settings.ts';

export const SITE = { address4: '10.61.0.2', address6: 'fd61::2' } as const;
export const WORLD = { address4: '203.0.113.2', address6: '2001:db8:61::2' } as const;
/** The machine's own address on the way to the site. */
export const HOST = { address4: '10.61.0.1', address6: 'fd61::1' } as const;
export const FORBIDDEN = { address4: '203.0.113.66', address6: '2001:db8:61::66' } as const;

export const canMakeNetworks =
  process.getuid?.() === 0 && ['ip', 'nft', 'nsenter', 'ss', 'setpriv', 'python3'].every(isThere);

export const WHY_NOT = 'needs root, iproute2, nftables, util-linux and python3';
export const NOBODY = { attempt: 'a', account: 'nobody' } as const;

function isThere(tool: string): boolean {
  try {
    execFileSync('sh', ['-c', 'command -v "$0"', tool], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

let fields = 0;

const networks = (...texts: string[]) => texts.map((text) => parseIpNetwork(text)!);

export function settingsOf(overrides: Partial<NetworkSettings> = {}): NetworkSettings {
  return {
    internal: networks('10.0.0.0/8', 'fc00::/7'),
    external: networks('0.0.0.0/0', '::/0'),
    forbidden: networks(FORBIDDEN.address4, FORBIDDEN.address6, '169.254.0.0/16'),
    inner4: parseIpNetwork('198.18.0.0/15')!,
    inner6: parseIpNetwork('fd77:696e:6472::/48')!,
    resolvers: [],
    mostConnections: 0,
    setUpScript: '',
    tearDownScript: '',
    scriptMs: 10_000,
    prepared: 1,
    ...overrides,
  };
}

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Worker {
  readonly tag?: string;
  readonly serial?: number;
  /** As a worker that is killed: nothing is closed. */
  readonly isAbandoned?: boolean;
}

export class NetworkField {
  readonly tag: string;
  readonly #prefix: string;
  readonly complaints: string[] = [];

  constructor() {
    const number =
      process.pid.toString(16).padStart(5, '0') + (fields++).toString(16).padStart(3, '0');
    this.tag = `windrow-${number.slice(-8)}`;
    this.#prefix = `wt${number}`;
  }

  /** The tag of another worker on the same machine. */
  get otherTag(): string {
    return `windrow-f${this.tag.slice(-7)}`;
  }

  namespace(name: 'host' | 'site' | 'world'): string {
    return `${this.#prefix}-${name}`;
  }

  /** Makes the machines; all of it goes with the test. */
  async make(test: TestContext): Promise<this> {
    test.after(() => this.#remove());
    const [host, site, world] = (['host', 'site', 'world'] as const).map((n) => this.namespace(n));
    const lines = [host, site, world].flatMap((name) => [`netns add ${name}`]);
    await must(runTool(['ip', '-batch', '-'], { input: `${lines.join('\n')}\n` }));
    const inHost = [
      'link set lo up',
      `link add site type veth peer name eth0 netns ${site}`,
      `link add world type veth peer name eth0 netns ${world}`,
      ...addresses('site', HOST.address4, HOST.address6),
      ...addresses('world', '203.0.113.1', '2001:db8:61::1'),
      'route add default via 203.0.113.2',
    ];
    await must(runTool(['ip', '-n', host!, '-batch', '-'], { input: `${inHost.join('\n')}\n` }));
    // Deprecated: answers come from its other address.
    const forbidden = [
      `addr add ${FORBIDDEN.address4}/24 dev eth0`,
      `addr add ${FORBIDDEN.address6}/64 dev eth0 nodad preferred_lft 0`,
    ];
    const ends = [
      [site!, SITE, []],
      [world!, WORLD, forbidden],
    ] as const;
    for (const [name, { address4, address6 }, more] of ends) {
      const lines = ['link set lo up', ...addresses('eth0', address4, address6), ...more];
      await must(runTool(['ip', '-n', name, '-batch', '-'], { input: `${lines.join('\n')}\n` }));
    }
    await this.forward(true);
    return this;
  }

  async forward(isOn: boolean): Promise<void> {
    const value = isOn ? 1 : 0;
    await must(
      this.runTool([
        ...(['sh', '-c'] as const),
        `echo ${value} > /proc/sys/net/ipv4/ip_forward
         echo ${value} > /proc/sys/net/ipv6/conf/all/forwarding`,
      ]),
    );
  }

  /** Tools act on the host. */
  readonly runTool: RunTool = (argv, options) =>
    runTool(['nsenter', `--net=/run/netns/${this.namespace('host')}`, '--', ...argv], options);

  async open(
    test: TestContext,
    overrides: Partial<NetworkSettings> & Worker = {},
  ): Promise<AccountedNetworks> {
    const opened = await openAccountedNetworks({
      tag: overrides.tag ?? this.tag,
      settings: settingsOf(overrides),
      facts: { hasIpv6: true, mtu: 1500, resolvers: { servers: [], rest: [] }, remarks: [] },
      runTool: this.runTool,
      random: () => (overrides.serial ?? 0) / SERIALS,
      complain: (error) => this.complaints.push(String(error)),
    });
    if (!overrides.isAbandoned) test.after(() => opened.close());
    return opened;
  }

  /** Runs a shell command in a namespace, as nobody without any capability unless it is to be root. */
  async run(namespace: string, command: string, { root = false } = {}): Promise<Ran> {
    const child = this.start(namespace, command, { root });
    let stdout = '';
    let stderr = '';
    child.stdout!.on('data', (bytes) => (stdout += bytes));
    child.stderr!.on('data', (bytes) => (stderr += bytes));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, stdout, stderr };
  }

  start(namespace: string, command: string, { root = false } = {}): ChildProcess {
    const drop = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--inh-caps=-all'];
    const argv = [
      ...(root ? [] : [...drop, '--bounding-set=-all', '--no-new-privs']),
      'sh',
      '-c',
      command,
    ];
    return spawn('nsenter', [`--net=/run/netns/${namespace}`, '--', ...argv], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  servePeer(test: TestContext, at: string): Promise<ChildProcess> {
    return this.serve(test, at, readFileSync(`${import.meta.dirname}/peer.py`, 'utf8'));
  }

  /** What `caller.py` prints. Throws what it says when it fails. */
  async call(
    namespace: string,
    verb: string,
    address: string,
    number: number,
    patience = 5,
  ): Promise<string> {
    const caller = `${import.meta.dirname}/caller.py`;
    const { code, stdout, stderr } = await this.run(
      namespace,
      `exec python3 ${caller} ${verb} ${address} ${number} ${patience}`,
    );
    if (code !== 0) throw new Error(stderr.trim().split('\n').at(-1));
    return stdout.trim();
  }

  /** Starts a program that goes on; resolves when it has printed its first line. */
  async serve(test: TestContext, at: string, python: string): Promise<ChildProcess> {
    const isMachine = at === 'host' || at === 'site' || at === 'world';
    const namespace = isMachine ? this.namespace(at) : at;
    const child = spawn(
      'nsenter',
      [`--net=/run/netns/${namespace}`, '--', 'python3', '-uc', python],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    test.after(() => child.kill('SIGKILL'));
    await once(child.stdout!, 'data');
    return child;
  }

  /** Removes the rules of a chain of the worker's table, as if nobody had thought of them. */
  async takeAway(chain: string): Promise<void> {
    const { stdout } = await this.runTool(['nft', 'list', 'tables']);
    const table = /windrow-\d+/.exec(stdout)![0];
    await must(this.runTool(['nft', 'flush', 'chain', 'inet', table, chain]));
  }

  /** Listens for echo requests at one of the machines. */
  async countEchoRequests(test: TestContext, at: 'site' | 'world') {
    const python = `import socket
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP); print('ready')
while True:
    if s.recv(2000)[20] == 8: print('heard')`;
    const child = await this.serve(test, at, python);
    let count = 0;
    child.stdout!.on('data', (bytes) => {
      count += String(bytes).split('heard').length - 1;
    });
    const heard = { count: () => count, until: (wanted: number) => until(() => count >= wanted) };
    return heard;
  }

  /** How many connections from an address the host keeps track of. */
  async countTracked(address: string): Promise<number> {
    const { stdout } = await this.runTool(['cat', '/proc/net/nf_conntrack']);
    return stdout.split('\n').filter((line) => line.includes(`src=${address} `)).length;
  }

  /** Everything on the machine that has the worker's tag in its name. */
  async left(): Promise<string[]> {
    const chains = await this.runTool(['nft', '-j', 'list', 'chains', 'inet']);
    const ends = await listPairEnds(this.runTool);
    return [
      ...readdirSync('/run/netns').filter((name) => name.startsWith(this.tag)),
      ...ends.filter((name) => name.startsWith(`w${this.tag.slice(-8)}-`)),
      ...(chains.stdout.match(/windrow-[0-9a-f]{8}[^"]*/g) ?? []),
    ];
  }

  /** The kernel takes devices away a little after their namespaces. */
  async untilNone(tag: string): Promise<void> {
    const digits = tag.slice(-8);
    let left: string[] = [];
    for (let looks = 0; looks < 500; looks++) {
      left = (await this.left()).filter((name) => name.includes(digits));
      if (left.length === 0) return;
      await pause(20);
    }
    throw new Error(`left: ${left.join(', ')}`);
  }

  async #remove(): Promise<void> {
    const names = (['host', 'site', 'world'] as const).map((name) => this.namespace(name));
    const own = readdirSync('/run/netns').filter(
      (name) => name.startsWith(this.tag) || name.startsWith(this.otherTag),
    );
    const input = [...names, ...own].map((name) => `netns del ${name}\n`).join('');
    await runTool(['ip', '-force', '-batch', '-'], { input });
  }
}

function addresses(device: string, address4: string, address6: string): string[] {
  return [
    `addr add ${address4}/24 dev ${device}`,
    `addr add ${address6}/64 dev ${device} nodad`,
    `link set ${device} up`,
  ];
}

async function must(running: ReturnType<RunTool>): Promise<void> {
  const { fault } = await running;
  if (fault !== '') throw new Error(fault);
}
