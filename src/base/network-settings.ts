import type { SettingTable, ValuesOf } from './settings.ts';

/** What the administrator of a machine says about the networks of attempts; the section [network]. */
export const networkSettings = {
  networkInternal: {
    name: 'network-internal',
    value: 'networks',
    type: 'networks',
    default: '10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, fc00::/7',
    doc: 'Networks of the site: accounted traffic with them is counted as internal.',
  },
  networkExternal: {
    name: 'network-external',
    value: 'networks',
    type: 'networks',
    default: '0.0.0.0/0, ::/0',
    doc: 'Other networks that attempts may talk to: traffic with them is counted as external.',
  },
  networkForbidden: {
    name: 'network-forbidden',
    value: 'networks',
    type: 'networks',
    default: '0.0.0.0/8, 127.0.0.0/8, 169.254.0.0/16, 224.0.0.0/3, fe80::/10, ff00::/8',
    doc: 'Networks that accounted attempts may not talk to, though they are internal or external.',
  },
  networkResolvers: {
    name: 'network-resolvers',
    value: 'addresses',
    type: 'addresses',
    default: '',
    defaultDoc: 'those of the machine',
    doc: 'Name servers that accounted attempts ask.',
  },
  networkIpv4: {
    name: 'network-ipv4',
    value: 'network',
    type: 'network',
    default: '198.18.0.0/15',
    doc: 'Where the inner IPv4 addresses of accounted attempts are taken from; at least a /21.',
  },
  networkIpv6: {
    name: 'network-ipv6',
    value: 'network',
    type: 'network',
    default: 'fd77:696e:6472::/64',
    doc: 'Where their inner IPv6 addresses are taken from; at least a /117.',
  },
  networkConnections: {
    name: 'network-connections',
    value: 'n',
    type: 'int',
    default: '4096',
    most: 1_000_000,
    doc: 'Connections that an accounted attempt may have at a time; 0: any number.',
  },
  networkSetUp: {
    name: 'network-set-up',
    value: 'file',
    type: 'path',
    default: '',
    defaultDoc: 'Windrow’s own, with NAT',
    doc: 'Script that joins the network of an accounted attempt to the outside.',
  },
  networkTearDown: {
    name: 'network-tear-down',
    value: 'file',
    type: 'path',
    default: '',
    defaultDoc: 'Windrow’s own',
    doc: 'Script that undoes it.',
  },
  networkScriptMs: {
    name: 'network-script-time',
    value: 'duration',
    type: 'duration',
    default: '10 s',
    least: 100,
    most: 600_000,
    doc: 'How long such a script may take.',
  },
  networkPrepared: {
    name: 'network-prepared',
    value: 'n',
    type: 'count',
    default: 'auto',
    most: 100,
    doc: 'Networks that are made before an attempt asks for one; auto: 8, with a set-up script of the site 0, so that it learns for which attempt.',
  },
} as const satisfies SettingTable;

export type NetworkValues = ValuesOf<typeof networkSettings>;
