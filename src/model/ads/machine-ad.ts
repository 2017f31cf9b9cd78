/** The ad of a machine: a worker as one slot that is parted as attempts ask for it. */
import {
  type Ad,
  adOf,
  adOfThing,
  attributeTable,
  type Node,
  parseExpression,
  real,
} from '#classad';
import type { MachineWalls } from '../walls.ts';
import { epochSeconds } from './quantities.ts';

/** What a machine says about itself besides its figures: its owner's policy and attributes. */
export interface MachineOffer {
  /** An expression that must be true of a job (`TARGET`) for it to start here; `''`: any. */
  readonly start: string;
  /** An expression: of jobs that may start, those with a larger value go first; `''`: none. */
  readonly rank: string;
  /** Name → expression. Those of its system (`OpSysAndVer` …) and those of its owner. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** What a machine says that says nothing. */
export const NO_OFFER: MachineOffer = { start: '', rank: '', attributes: {} };

/** Of one machine. */
export const OFFER_LIMITS = {
  attributes: 500,
  expressionCharacters: 64 << 10,
  attributesCharacters: 256 << 10,
} as const;

export interface MachineFacts {
  readonly name: string;
  /** `<os>-<arch>` as Node.js names them. */
  readonly platform: string;
  readonly version: string;
  readonly slots: number;
  /** 0: not said; the same with `diskFreeBytes`. */
  readonly memoryBytes: number;
  readonly diskFreeBytes: number;
  readonly gpus: number;
  /** What was promised to the attempts that it holds. */
  readonly used: { readonly cpus: number; readonly gpus: number };
  /** Null until it has told. */
  readonly machine: { readonly cpus: number; readonly loadAverage: number } | null;
  readonly walls: MachineWalls | null;
  readonly state: 'active' | 'draining' | 'paused' | 'lost';
  readonly stateAtMs: number;
  readonly lastHeardAtMs: number;
}

const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: 'X86_64',
  arm64: 'aarch64',
  ia32: 'INTEL',
  ppc64: 'ppc64le',
};
const SYSTEMS: Readonly<Record<string, string>> = {
  linux: 'LINUX',
  darwin: 'macOS',
  win32: 'WINDOWS',
};

const STATES = {
  active: 'Unclaimed',
  draining: 'Drained',
  paused: 'Owner',
  lost: 'Owner',
} as const satisfies Record<MachineFacts['state'], string>;

/** Nothing of these changes while a machine works, so what follows from them alone holds on. */
const LASTING = attributeTable<MachineFacts>({
  MyType: () => 'Machine',
  TargetType: () => 'Job',
  Name: ({ name }) => `slot1@${name}`,
  Machine: ({ name }) => name,
  Arch: ({ platform }) => partOf(platform, 1, ARCHITECTURES),
  OpSys: ({ platform }) => partOf(platform, 0, SYSTEMS),
  WindrowPlatform: ({ platform }) => platform,
  WindrowVersion: ({ version }) => version,
  SlotID: () => 1,
  SlotType: () => 'Partitionable',
  PartitionableSlot: () => true,
  DynamicSlot: () => false,
  Cpus: ({ slots }) => slots,
  TotalCpus: ({ slots }) => slots,
  TotalSlotCpus: ({ slots }) => slots,
  TotalSlots: () => 1,
  DetectedCpus: ({ machine }) => machine?.cpus,
  Memory: memory,
  TotalMemory: memory,
  TotalSlotMemory: memory,
  DetectedMemory: memory,
  GPUs: ({ gpus }) => gpus,
  TotalGPUs: ({ gpus }) => gpus,
  HasFileTransfer: () => true,
  Walls: ({ walls }) => walls?.able.join(','),
  Networks: ({ walls }) => walls?.networks.join(','),
  Roots: ({ walls }) => walls?.roots.join(','),
});

const CHANGING = attributeTable<MachineFacts>({
  State: (machine) => (isBusy(machine) ? 'Claimed' : STATES[machine.state]),
  Activity: (machine) => {
    if (!isBusy(machine)) return 'Idle';
    return machine.state === 'draining' ? 'Retiring' : 'Busy';
  },
  WorkerState: ({ state }) => state,
  EnteredCurrentState: ({ stateAtMs }) => epochSeconds(stateAtMs),
  LastHeardFrom: ({ lastHeardAtMs }) => epochSeconds(lastHeardAtMs),
  Disk: disk,
  TotalDisk: disk,
  LoadAvg: ({ machine }) => (machine ? real(machine.loadAverage) : undefined),
  TotalLoadAvg: ({ machine }) => (machine ? real(machine.loadAverage) : undefined),
  FreeCpus: ({ slots, used }) => Math.max(0, Math.floor(slots - used.cpus)),
  FreeGPUs: ({ gpus, used }) => Math.max(0, gpus - used.gpus),
});

const TABLE = new Map([...LASTING, ...CHANGING]);

/** Lower-case names of attributes that are other ones a moment later. */
export const CHANGING_NAMES: ReadonlySet<string> = new Set(CHANGING.keys());

/** Lower-case names that a machine's ad tells by itself, its policy included. */
export const MACHINE_AD_NAMES: ReadonlySet<string> = new Set([
  ...TABLE.keys(),
  ...['start', 'requirements', 'rank'],
]);

/** The machine's ad; `owned` is from `offerAd`. */
export function machineAd(machine: MachineFacts, owned: Ad): Ad {
  return adOfThing(TABLE, machine, owned);
}

const TRUE: Node = { kind: 'literal', value: true };
const NOTHING: Node = { kind: 'literal', value: real(0) };
const START: Node = { kind: 'name', name: 'Start', absolute: false };

/**
 * What the machine offers, to be chained to its ad; made once for each offer. `Requirements` is its
 * `Start`. Errors: `CLASSAD_SYNTAX_WRONG` for expressions that nobody checked.
 */
export function offerAd({ start, rank, attributes }: MachineOffer): Ad {
  const own = Object.entries(attributes).map(([name, text]) => ({
    name,
    value: parseExpression(text),
  }));
  return adOf([
    ...own,
    { name: 'Start', value: start === '' ? TRUE : parseExpression(start) },
    { name: 'Requirements', value: START },
    { name: 'Rank', value: rank === '' ? NOTHING : parseExpression(rank) },
  ]);
}

function isBusy({ used }: MachineFacts): boolean {
  return used.cpus > 0;
}

function memory({ memoryBytes }: MachineFacts): number | undefined {
  return memoryBytes === 0 ? undefined : Math.floor(memoryBytes / 2 ** 20);
}

function disk({ diskFreeBytes }: MachineFacts): number | undefined {
  return diskFreeBytes === 0 ? undefined : Math.floor(diskFreeBytes / 1024);
}

/** What machines of a platform are called in their ads. */
export function systemNames(platform: string): { readonly opSys: string; readonly arch: string } {
  return { opSys: partOf(platform, 0, SYSTEMS), arch: partOf(platform, 1, ARCHITECTURES) };
}

function partOf(platform: string, part: 0 | 1, names: Readonly<Record<string, string>>): string {
  const word = platform.split('-')[part] ?? '';
  return names[word] ?? word.toUpperCase();
}
