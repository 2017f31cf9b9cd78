/** What does not go well on a node, from one look at its Lustre. Pure: nothing is remembered here. */
import { formatBytes } from '#base';
import type { TrapCategory } from '#model';
import {
  type Peer,
  parseDevices,
  parseHealth,
  parseNumber,
  parsePeers,
  parseRecovery,
  parseTarget,
} from './parse.ts';
import { type DeviceKind, type DeviceLook, hasSaid, type Said, type TreeLook } from './tree.ts';

export interface Condition {
  /** One of the node's own conditions. */
  readonly name: string;
  readonly fileSystem: string;
  /** Whose files tell of it; null: it is of no single device. */
  readonly device: string | null;
  readonly category: TrapCategory;
  readonly message: string;
  /** What is said when it is over. */
  readonly ending: string;
  /** When and which, by the node's own account; null where it gives none. */
  readonly atMs: number | null;
  readonly sequence: string | null;
}

export interface Findings {
  /** Whether there is any Lustre. */
  readonly isThere: boolean;
  readonly conditions: readonly Condition[];
  /** Names of conditions, or their first words, that could not be looked at: they stay as they were. */
  readonly unknown: ReadonlySet<string>;
  readonly fileSystems: readonly string[];
  /** In the node's words; null where it says nothing. */
  readonly health: string | null;
  readonly disk: { readonly freeBytes: number; readonly totalBytes: number } | null;
  readonly peers: readonly Peer[];
}

interface Part {
  readonly conditions: readonly Condition[];
  readonly unknown: readonly string[];
}

const NOTHING: Part = { conditions: [], unknown: [] };

export function findingsOf(look: TreeLook): Findings {
  const fileSystems = fileSystemsOf(look);
  const peers = textOf(look.node.peers, parsePeers) ?? [];
  const isThere = look.node.health.kind !== 'missing' || look.devices.some(hasSaid);
  const parts = [
    isThere ? healthPart(look, fileSystems) : NOTHING,
    catastrophePart(look.node.catastrophe, fileSystems),
    devicesPart(look.node.devices),
    peersPart(peers, look.node.peers),
    unreadPart(look),
    ...look.devices.map(devicePart),
  ];
  return {
    isThere,
    conditions: parts.flatMap(({ conditions }) => conditions),
    unknown: new Set(parts.flatMap(({ unknown }) => unknown)),
    fileSystems,
    health: textOf(look.node.health, (text) => parseHealth(text).health),
    disk: diskOf(look.devices),
    peers,
  };
}

/** Those of the targets and mounts that are here, and what an MGS has. */
function fileSystemsOf({ devices, node }: TreeLook): string[] {
  const named = textOf(node.fileSystems, (text) => text.split('\n')) ?? [];
  const own = named.filter((name) => /^[A-Za-z0-9_.-]{1,8}$/.test(name));
  const known = devices.flatMap(({ kind, name }) => {
    const mount = kind === 'llite' ? /^([^/]{1,8})-[0-9a-f]{8,}$/.exec(name)?.[1] : undefined;
    return parseTarget(name)?.fileSystem ?? mount ?? [];
  });
  return [...new Set([...own, ...known])].sort();
}

function textOf<T>(said: Said | undefined, read: (text: string) => T): T | null {
  return said?.kind === 'said' ? read(said.text) : null;
}

/** What is wrong with a whole node is wrong with every file system that it serves. */
function forEach(
  fileSystems: readonly string[],
  condition: Omit<Condition, 'fileSystem' | 'device' | 'atMs' | 'sequence'>,
): Condition[] {
  const named = fileSystems.length === 0 ? [''] : fileSystems;
  const none = { device: null, atMs: null, sequence: null };
  return named.map((fileSystem) => ({ ...condition, fileSystem, ...none }));
}

function healthPart({ node }: TreeLook, fileSystems: readonly string[]): Part {
  // Where Lustre is and its health is not told, it is as it was.
  if (node.health.kind !== 'said') return { ...NOTHING, unknown: ['health'] };
  const { health, devices } = parseHealth(node.health.text);
  if (health === 'healthy') return NOTHING;
  const told = textOf(node.reasons, parseHealth)?.devices ?? [];
  const sick = [...new Set([...told, ...devices])];
  const ending = 'Lustre is healthy again';
  if (health === 'LBUG') {
    const message = `Lustre hit a bug (LBUG)${reasonsText(sick)}`;
    return {
      ...NOTHING,
      conditions: forEach(fileSystems, { name: 'health', category: 3, message, ending }),
    };
  }
  if (health === null) {
    const message = `health_check says nothing that is known: ${node.health.text.slice(0, 100).trim()}`;
    return {
      ...NOTHING,
      conditions: forEach(fileSystems, { name: 'health', category: 1, message, ending }),
    };
  }
  const concerned = [...new Set(sick.flatMap((name) => parseTarget(name)?.fileSystem ?? []))];
  const message = `Lustre is NOT HEALTHY${reasonsText(sick)}`;
  const named = concerned.length > 0 ? concerned : fileSystems;
  return {
    ...NOTHING,
    conditions: forEach(named, { name: 'health', category: 2, message, ending }),
  };
}

function reasonsText(devices: readonly string[]): string {
  if (devices.length === 0) return '';
  return `: ${devices.length === 1 ? 'device' : 'devices'} ${devices.join(', ')} reported unhealthy`;
}

function catastrophePart(said: Said, fileSystems: readonly string[]): Part {
  const name = 'catastrophe';
  if (said.kind === 'unread') return { ...NOTHING, unknown: [name] };
  const value = textOf(said, parseNumber) ?? 0;
  if (value === 0) return NOTHING;
  const message = `LNet reports a catastrophe (${value}): the node must be restarted`;
  const ending = 'LNet reports no catastrophe any more';
  return { ...NOTHING, conditions: forEach(fileSystems, { name, category: 3, message, ending }) };
}

const STATUS_WORDS: Readonly<Record<string, string>> = {
  IN: 'inactive',
  ST: 'stopping',
  AT: 'attached, but not set up',
  '--': 'not set up',
};

function devicesPart(said: Said): Part {
  const devices = textOf(said, parseDevices) ?? [];
  const conditions = devices
    .filter(({ status }) => status !== 'UP')
    .map(({ name, status, type }) =>
      one(name, {
        name: `device ${name}`,
        category: 1,
        message: `device ${name} (${type}) is ${STATUS_WORDS[status]}`,
        ending: `device ${name} is up`,
      }),
    );
  return { conditions, unknown: said.kind === 'unread' ? ['device'] : [] };
}

function one(
  target: string,
  parts: Omit<Condition, 'fileSystem' | 'device' | 'atMs' | 'sequence'> &
    Partial<Pick<Condition, 'atMs' | 'sequence'>>,
): Condition {
  const fileSystem = parseTarget(target)?.fileSystem ?? '';
  return { device: null, atMs: null, sequence: null, ...parts, fileSystem };
}

function peersPart(peers: readonly Peer[], said: Said): Part {
  const conditions = peers
    .filter(({ isDown }) => isDown)
    .map(({ nid }) =>
      one('', {
        name: `peer ${nid}`,
        category: 1,
        message: `LNet peer ${nid} is down`,
        ending: `LNet peer ${nid} is up again`,
      }),
    );
  return { conditions, unknown: said.kind === 'unread' ? ['peer'] : [] };
}

/** Whatever is there and cannot be read is a trap of its own. */
function unreadPart({ node, devices, unlisted }: TreeLook): Part {
  const files = [...Object.values(node), ...devices.flatMap(({ files }) => [...files.values()])];
  const unread = files.flatMap((said) => (said.kind === 'unread' ? [said] : []));
  const conditions = [...unread, ...unlisted].map(({ path, reason }) =>
    one('', {
      name: `unread ${path}`,
      category: 1,
      message: `${path} cannot be read: ${reason}`,
      ending: `${path} can be read again`,
    }),
  );
  return { conditions, unknown: [] };
}

const TARGETS: ReadonlySet<DeviceKind> = new Set(['obdfilter', 'mdt', 'osd-zfs', 'osd-ldiskfs']);
const IMPORTS: ReadonlySet<DeviceKind> = new Set(['osc', 'osp', 'mdc', 'lwp']);

function devicePart(device: DeviceLook): Part {
  const parts: Part[] = [];
  const isUnread = device.files.get('state')?.kind === 'unread';
  if (isUnread) parts.push({ ...NOTHING, unknown: [`import ${device.name}`] });
  if (IMPORTS.has(device.kind)) parts.push(flagPart(device, 'active', 0, ACTIVE));
  if (TARGETS.has(device.kind)) {
    parts.push(flagPart(device, 'degraded', 1, DEGRADED), recoveryPart(device), spacePart(device));
  }
  return {
    conditions: parts.flatMap(({ conditions }) =>
      conditions.map((condition) => ({ ...condition, device: device.name })),
    ),
    unknown: parts.flatMap(({ unknown }) => unknown),
  };
}

interface FlagWords {
  readonly category: TrapCategory;
  readonly bad: string;
  readonly good: string;
}

const ACTIVE: FlagWords = {
  category: 2,
  bad: 'is deactivated (active=0)',
  good: 'is active again',
};
const DEGRADED: FlagWords = { category: 1, bad: 'is degraded', good: 'is not degraded any more' };

/** A file that holds 0 or 1. */
function flagPart(
  { kind, name, files }: DeviceLook,
  file: string,
  badValue: number,
  { category, bad, good }: FlagWords,
): Part {
  const condition = `${file} ${kind === 'osp' ? 'osc' : kind} ${name}`;
  const said = files.get(file);
  if (said?.kind === 'unread') return { ...NOTHING, unknown: [condition] };
  if (textOf(said, parseNumber) !== badValue) return NOTHING;
  const parts = { name: condition, category, message: `${name} ${bad}`, ending: `${name} ${good}` };
  return { ...NOTHING, conditions: [one(name, parts)] };
}

const RECOVERED = new Set(['COMPLETE', 'INACTIVE']);

function recoveryPart({ name, files }: DeviceLook): Part {
  const condition = `recovery ${name}`;
  const said = files.get('recovery_status');
  if (said?.kind === 'unread') return { ...NOTHING, unknown: [condition] };
  const recovery = textOf(said, parseRecovery);
  const status = recovery?.get('status');
  if (!recovery || status === undefined || RECOVERED.has(status)) return NOTHING;
  const start = parseNumber(recovery.get('recovery_start') ?? '');
  const isStarted = start !== null && start > 0;
  return {
    ...NOTHING,
    conditions: [
      one(name, {
        name: condition,
        category: 1,
        message: `${name} is in recovery (${status.slice(0, 40)})`,
        ending: `${name} has recovered`,
        atMs: isStarted ? start * 1000 : null,
        sequence: isStarted ? `${start} ${status.slice(0, 40)}` : null,
      }),
    ],
  };
}

function spacePart({ name, files }: DeviceLook): Part {
  const condition = `space ${name}`;
  const total = textOf(files.get('kbytestotal'), parseNumber);
  const available = textOf(files.get('kbytesavail'), parseNumber);
  const isUnread = ['kbytestotal', 'kbytesavail'].some(
    (file) => files.get(file)?.kind === 'unread',
  );
  if (isUnread) return { ...NOTHING, unknown: [condition] };
  if (total === null || available === null || total <= 0) return NOTHING;
  const share = available / total;
  if (share >= SCARCE) return NOTHING;
  const isNearlyNone = share < NEARLY_NONE;
  return {
    ...NOTHING,
    conditions: [
      one(name, {
        name: condition,
        category: isNearlyNone ? 2 : 1,
        // No exact figures: they change with every look, and each change would be told.
        message: `${name} is ${isNearlyNone ? 'nearly full' : 'getting full'}: less than ${isNearlyNone ? 1 : 5} % of ${formatBytes(total * 1024)} are free`,
        ending: `${name} has room again`,
      }),
    ],
  };
}

/** Shares of free space below which a target is worth a warning, and critical. */
const SCARCE = 0.05;
const NEARLY_NONE = 0.01;

/** Of the targets where there are some, else of what is mounted. */
function diskOf(devices: readonly DeviceLook[]): Findings['disk'] {
  const kinds: readonly (readonly DeviceKind[])[] = [
    ['osd-zfs', 'osd-ldiskfs'],
    ['obdfilter'],
    ['llite'],
  ];
  for (const wanted of kinds) {
    const sizes = devices.filter(({ kind }) => wanted.includes(kind)).flatMap(sizeOf);
    if (sizes.length === 0) continue;
    const sum = (read: (size: { free: number; total: number }) => number) =>
      sizes.reduce((before, size) => before + read(size), 0) * 1024;
    return { freeBytes: sum(({ free }) => free), totalBytes: sum(({ total }) => total) };
  }
  return null;
}

function sizeOf({ files }: DeviceLook): { free: number; total: number }[] {
  const total = textOf(files.get('kbytestotal'), parseNumber);
  const free = textOf(files.get('kbytesavail'), parseNumber);
  return total === null || free === null ? [] : [{ free, total }];
}
