/** Finds out by trying whether attempts can have counted networks here, and what they must know. */
import { realpathSync } from 'node:fs';
import { formatIpNetwork, type IpNetwork, ipNetworksOverlap, messageOf } from '#base';
import type { RunTool } from '../tool.ts';
import type { Ability, Probed } from '../walls/part.ts';
import { type NetworkFacts, openAccountedNetworks } from './accounted-networks.ts';
import { removeLeftovers } from './leftovers.ts';
import { listRoutes, outerMtu, type Route } from './machine.ts';
import { BLOCK_ADDRESSES, blocksIn } from './names.ts';
import { findResolvers } from './resolvers.ts';
import { shipped } from './routing-script.ts';
import type { NetworkSettings } from './settings.ts';

/** Also where the C library looks for its name servers: a bind must not end at a symbolic link. */
export interface ProbedNetwork extends NetworkFacts {
  readonly resolvConfPath: string | null;
}

const HOW = 'accounted: namespace, nftables and NAT';

/** The tools that are run, and who brings them. */
const TOOLS = [
  ['ip', 'iproute2'],
  ['ss', 'iproute2'],
  ['nft', 'nftables'],
  ['nsenter', 'util-linux'],
] as const;

const FORWARDING4 = '/proc/sys/net/ipv4/ip_forward';
const FORWARDING6 = '/proc/sys/net/ipv6/conf/all/forwarding';

interface ProbeOptions {
  readonly tag: string;
  readonly isRoot: boolean;
  readonly settings: NetworkSettings;
  readonly runTool: RunTool;
  readonly findTool: (name: string) => string | null;
  readonly random: () => number;
}

class Unable extends Error {
  readonly remedy: string;
  constructor(reason: string, remedy: string) {
    super(reason);
    this.remedy = remedy;
  }
}

export async function probeNetworks(options: ProbeOptions): Promise<Probed<ProbedNetwork>> {
  try {
    return await probe(options);
  } catch (error) {
    const reason = messageOf(error);
    const remedy = error instanceof Unable ? error.remedy : 'see the reason';
    const ability: Ability = { wall: 'network', how: HOW, able: false, reason, remedy };
    return { facts: null, abilities: [ability], remarks: [] };
  }
}

async function probe(options: ProbeOptions): Promise<Probed<ProbedNetwork>> {
  const { isRoot, settings, runTool } = options;
  if (!isRoot) {
    throw new Unable(
      'the worker is not root',
      'run the worker as root, or let jobs have no network',
    );
  }
  demandTools(options);
  const routes = await listRoutes(runTool);
  demandRoom(settings, routes);
  await demandForwarding(routes, runTool);
  const hasIpv6 = (await readSwitch(FORWARDING6, runTool)) === '1';
  const resolvers = findResolvers(settings.resolvers, hasIpv6);
  const mtu = await outerMtu(routes, runTool);
  const found = { hasIpv6, resolvers, mtu, resolvConfPath: resolvConfPath() };
  const facts = { ...found, remarks: await remarks(found, routes, runTool) };
  await tryOne(facts, options);
  const ability: Ability = { wall: 'network', how: HOW, able: true };
  // Most workers never have such an attempt: the remarks are made with the first.
  return { facts, abilities: [ability], remarks: [] };
}

function demandTools({ findTool }: ProbeOptions): void {
  const missing = TOOLS.filter(([tool]) => findTool(tool) === null);
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map(([, name]) => name))].join(' ');
  const names = missing.map(([tool]) => tool).join(' and ');
  throw new Unable(`there is no ${names}`, `install it ("apt install ${packages}")`);
}

/** An inner address that the machine knows as somebody else's would cut that one off. */
function demandRoom(settings: NetworkSettings, routes: readonly Route[]): void {
  for (const [name, inner, family] of [
    ['ipv4', settings.inner4, 4],
    ['ipv6', settings.inner6, 6],
  ] as const) {
    const shown = formatIpNetwork(inner);
    if (inner.family !== family || blocksIn(inner) === 0n) {
      throw new Unable(
        `${shown} is no IPv${family} network of at least ${BLOCK_ADDRESSES} addresses`,
        `set ${name} in the section [network] of the settings to one`,
      );
    }
    const taken = routes.find(({ network, device }) => isForeign(network, device, inner));
    if (!taken) continue;
    const other = `${formatIpNetwork(taken.network!)}, which lies at ${taken.device}`;
    const reason = `the inner network ${shown} overlaps with ${other}`;
    const remedy = `set ${name} in the section [network] of the settings to one that the site does not use`;
    throw new Unable(reason, remedy);
  }
}

/** Routes of other workers lead to devices with a tag. */
function isForeign(network: IpNetwork | null, device: string, inner: IpNetwork): boolean {
  if (network === null || /^w[0-9a-f]{8}-/.test(device) || device === '') return false;
  return ipNetworksOverlap(network, inner);
}

/** Answers come in by the devices that lead outside: these at least must forward. */
async function demandForwarding(routes: readonly Route[], runTool: RunTool): Promise<void> {
  if ((await readSwitch(FORWARDING4, runTool)) === '1') return;
  const ways = [...new Set(routes.flatMap(({ network, device }) => (network ? [] : [device])))];
  const switches = ways.map((device) => `/proc/sys/net/ipv4/conf/${device}/forwarding`);
  const on = await Promise.all(switches.map((path) => readSwitch(path, runTool)));
  if (on.length > 0 && on.every((value) => value === '1')) return;
  throw new Unable(
    'the machine does not forward packets (net.ipv4.ip_forward is 0)',
    'sudo sysctl net.ipv4.ip_forward=1',
  );
}

async function readSwitch(path: string, runTool: RunTool): Promise<string> {
  return (await runTool(['cat', path])).stdout.trim();
}

/** Everything that an attempt's network is made of, once. */
async function tryOne(facts: NetworkFacts, options: ProbeOptions): Promise<void> {
  const { tag, settings, runTool, random } = options;
  const faults: unknown[] = [];
  // The site's own scripts are for attempts, and this is none.
  const own = { ...settings, prepared: 0, setUpScript: '', tearDownScript: '' };
  const complain = (error: unknown) => void faults.push(error);
  try {
    // A try that was killed would be in the way of this one.
    await removeLeftovers({ tag, settings: own, runTool });
    const base = { tag, settings: own, facts };
    const networks = await openAccountedNetworks({ ...base, runTool, random, complain });
    const name = `${tag}-trial`;
    try {
      await networks.connect(name, { attempt: 'trial', account: '' });
      await networks.measure(name);
    } finally {
      await networks.close();
    }
    if (faults.length > 0) throw faults[0];
  } catch (error) {
    throw new Unable(messageOf(error), remedyFor(messageOf(error)));
  }
}

function remedyFor(reason: string): string {
  return /not permitted|denied/i.test(reason)
    ? 'in a container: give it CAP_NET_ADMIN and CAP_SYS_ADMIN'
    : `try ${shipped('set-up.sh').at(-1)} by hand; docs/guide/network.md says how`;
}

function resolvConfPath(): string | null {
  try {
    return realpathSync('/etc/resolv.conf');
  } catch {
    return null;
  }
}

async function remarks(
  facts: Omit<ProbedNetwork, 'remarks'>,
  routes: readonly Route[],
  runTool: RunTool,
): Promise<string[]> {
  const said: string[] = [];
  const leadsOutside = routes.some(({ family, network }) => family === 6 && network === null);
  if (!facts.hasIpv6 && leadsOutside) {
    said.push(
      'counted networks have no IPv6: the machine does not forward it ' +
        '(net.ipv6.conf.all.forwarding is 0; see docs/guide/network.md before you change that)',
    );
  }
  if (facts.resolvers.servers.length === 0) {
    said.push(
      'no names can be looked up in counted networks: every name server of the machine is on its ' +
        'loopback; set resolvers in the section [network] of the settings',
    );
  }
  const dropping = await droppingChains(runTool);
  if (dropping.length > 0) {
    said.push(
      `the firewall of the machine drops what is forwarded (${dropping.join(', ')}): counted ` +
        'networks reach nothing unless it lets their inner networks pass',
    );
  }
  return said;
}

/** Chains through which forwarded packets go and that drop what no rule accepts. */
async function droppingChains(runTool: RunTool): Promise<string[]> {
  const { stdout, fault } = await runTool(['nft', 'list', 'chains']);
  if (fault !== '') return [];
  const found: string[] = [];
  let table = '';
  let chain = '';
  for (const line of stdout.split('\n')) {
    table = /^table (\S+ \S+)/.exec(line)?.[1] ?? table;
    chain = /^\s+chain (\S+)/.exec(line)?.[1] ?? chain;
    if (/hook forward .*policy drop/.test(line)) found.push(`${table} ${chain}`);
  }
  return found;
}
