/**
 * The firewall of a worker's networks as text for nft(8): a table of its own with what holds for
 * every attempt, whatever the site's script says. Pure.
 *
 * Counting comes after all other rules of the machine (priority 300), so that what they refuse is
 * not counted; the way of a packet to its attempt's chain is one look into a map, however many
 * attempts there are.
 */
import { formatIpNetwork, type IpNetwork, parseIpNetwork } from '#base';
import { type AttemptNetwork, devicePrefix, gatewaysOf } from './names.ts';
import type { NetworkSettings } from './settings.ts';

/** Makes the table of a worker. Fails as a whole when the table is there: then the block is taken. */
export function tableRules(
  table: string,
  tag: string,
  settings: NetworkSettings,
  resolvers: readonly string[],
): string {
  const ours = `iifname "${devicePrefix(tag)}*"`;
  const toOurs = `oifname "${devicePrefix(tag)}*"`;
  const { inner4, inner6 } = settings;
  return inTable(table, [
    ['create table', ''],
    ...networkSets('internal', settings.internal),
    ...networkSets('external', settings.external),
    ...networkSets('forbidden', [...settings.forbidden, inner4, inner6]),
    ...networkSets('resolvers', resolvers.map(hostNetwork)),
    ['add set', 'masquerade4 { type ipv4_addr; }'],
    ['add set', 'masquerade6 { type ipv6_addr; }'],
    ['add set', 'sources4 { typeof iifname . ip saddr; }'],
    ['add set', 'sources6 { typeof iifname . ip6 saddr; }'],
    ['add map', 'zones { typeof iifname : ct original zone; }'],
    ['add set', 'tracked { typeof oifname . ct original zone; }'],
    ['add map', 'outgoing { type ifname : verdict; }'],
    ['add map', 'incoming { type ifname : verdict; }'],
    ...refusal(),
    ...sourceRules(tag, ours),
    ...forwardRules(ours, toOurs, settings),
    ...inputRules(ours),
    ...outputRules(toOurs, settings),
    ['add chain', 'nat { type nat hook postrouting priority srcnat; }'],
    ['add rule', 'nat ip saddr @masquerade4 masquerade'],
    ['add rule', 'nat ip6 saddr @masquerade6 masquerade'],
  ]);
}

/** Leads the packets of networks into their chains, which must be there by now. */
export function joinRules(table: string, networks: readonly JoinedNetwork[]): string {
  return networks.map((network) => inTable(table, elementsOf('add element', network))).join('');
}

/** The reverse, after which nothing refers to the chains. */
export function partRules(table: string, networks: readonly JoinedNetwork[]): string {
  return networks.map((network) => inTable(table, elementsOf('delete element', network))).join('');
}

/** Removes chains, as far as they are there: what is to be deleted is added first. */
export function removeRules(table: string, networks: readonly AttemptNetwork[]): string {
  const verbs = ['add chain', 'flush chain', 'delete chain'] as const;
  return inTable(
    table,
    networks.flatMap(({ identifier }) => verbs.map((verb): Statement => [verb, identifier])),
  );
}

/** Takes all networks out of their chains at once. */
export function clearRules(table: string): string {
  return inTable(table, [
    ['flush map', 'outgoing'],
    ['flush map', 'incoming'],
    ['flush map', 'zones'],
    ['flush set', 'tracked'],
    ['flush set', 'sources4'],
    ['flush set', 'sources6'],
  ]);
}

/** A network with the addresses that its script printed. */
export interface JoinedNetwork extends AttemptNetwork {
  readonly sources: readonly string[];
}

type Statement = readonly [verb: string, rest: string];

function inTable(table: string, statements: readonly Statement[]): string {
  return `${statements.map(([verb, rest]) => `${verb} inet ${table} ${rest}`.trimEnd()).join('\n')}\n`;
}

/** A connection that is refused ends at once; an error that only goes by may be tried over. */
function refusal(): Statement[] {
  return [
    ['add chain', 'refuse'],
    ['add rule', 'refuse meta l4proto tcp reject with tcp reset'],
    ['add rule', 'refuse reject with icmpx admin-prohibited'],
  ];
}

/** Answers of connections that an earlier attempt with the same address had begun are nobody's. */
function incoming(chain: string, toOurs: string): Statement[] {
  return [
    ['add rule', `${chain} ${toOurs} oifname . ct original zone != @tracked drop`],
    ['add rule', `${chain} oifname vmap @incoming`],
    ['add rule', `${chain} ${toOurs} drop`],
  ];
}

/** A packet's source must be an address of the attempt that sent it; nobody else's, nor the machine's. */
function sourceRules(tag: string, ours: string): Statement[] {
  return [
    ['add chain', 'prerouting { type filter hook prerouting priority raw; }'],
    // Its name says whose table this is: the next worker with the tag finds it.
    ['add chain', tag],
    ['add rule', `prerouting ${ours} jump ${tag}`],
    [
      'add rule',
      `${tag} iifname . ip saddr @sources4 ct original zone set iifname map @zones accept`,
    ],
    [
      'add rule',
      `${tag} iifname . ip6 saddr @sources6 ct original zone set iifname map @zones accept`,
    ],
    ['add rule', `${tag} drop`],
  ];
}

/** Attempts do not meet each other, whichever workers of the machine they belong to. */
function forwardRules(
  ours: string,
  toOurs: string,
  { inner4, inner6 }: NetworkSettings,
): Statement[] {
  return [
    ['add chain', 'forward { type filter hook forward priority 300; }'],
    ['add rule', `forward ${ours} ${toOurs} goto refuse`],
    ['add rule', `forward ${ours} ip daddr ${formatIpNetwork(inner4)} goto refuse`],
    ['add rule', `forward ${ours} ip6 daddr ${formatIpNetwork(inner6)} goto refuse`],
    ['add rule', 'forward iifname vmap @outgoing'],
    ['add rule', `forward ${ours} goto refuse`],
    ...incoming('forward', toOurs),
  ];
}

/** The machine itself is no part of the network, but for name servers that run on it. */
function inputRules(ours: string): Statement[] {
  return [
    ['add chain', 'input { type filter hook input priority 300; }'],
    ['add rule', `input ${ours} icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept`],
    [
      'add rule',
      `input ip daddr @resolvers4 meta l4proto { tcp, udp } th dport 53 iifname vmap @outgoing`,
    ],
    [
      'add rule',
      `input ip6 daddr @resolvers6 meta l4proto { tcp, udp } th dport 53 iifname vmap @outgoing`,
    ],
    ['add rule', `input ${ours} goto refuse`],
  ];
}

/** What the gateway says about an attempt's packets is not traffic of the attempt. */
function outputRules(toOurs: string, settings: NetworkSettings): Statement[] {
  const { gateway4, gateway6 } = gatewaysOf(settings);
  const errors4 = 'icmp type { destination-unreachable, time-exceeded, parameter-problem }';
  const errors6 =
    'icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem }';
  return [
    ['add chain', 'output { type filter hook output priority 300; }'],
    ['add rule', `output ${toOurs} icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept`],
    ['add rule', `output ${toOurs} ip saddr ${gateway4} ${errors4} accept`],
    ['add rule', `output ${toOurs} ip6 saddr ${gateway6} ${errors6} accept`],
    // The refusals of `refuse`.
    ['add rule', `output ${toOurs} tcp flags & rst == rst accept`],
    ...incoming('output', toOurs),
  ];
}

function networkSets(name: string, networks: readonly IpNetwork[]): Statement[] {
  return ([4, 6] as const).map((family) => {
    const own = networks.filter((network) => network.family === family).map(formatIpNetwork);
    const elements = own.length === 0 ? '' : ` elements = { ${own.join(', ')} };`;
    const shape = `type ipv${family}_addr; flags interval; auto-merge;`;
    return ['add set', `${name}${family} { ${shape}${elements} }`];
  });
}

function hostNetwork(address: string): IpNetwork {
  return parseIpNetwork(address)!;
}

function elementsOf(verb: string, network: JoinedNetwork): Statement[] {
  const { device, identifier, zone, sources } = network;
  return [
    [verb, `outgoing { "${device}" : jump ${identifier} }`],
    [verb, `incoming { "${device}" : jump ${identifier} }`],
    [verb, `zones { "${device}" : ${zone} }`],
    // 0: connections that somebody else began, where a site's script lets them in.
    [verb, `tracked { "${device}" . ${zone}, "${device}" . 0 }`],
    ...sources.map((source): Statement => {
      const set = source.includes(':') ? 'sources6' : 'sources4';
      return [verb, `${set} { "${device}" . ${source} }`];
    }),
  ];
}
