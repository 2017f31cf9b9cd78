/** GPUs of this machine, by asking the tools of their drivers. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { formatDuration } from '#base';
import { findTool, runTool, type ToolResult } from '../tool.ts';
import type { Gpu } from './gpu.ts';
import { readAmdSmi, readRocmSmi } from './read-amd.ts';
import { readNvidiaSmi } from './read-nvidia.ts';

/** A driver that has to wake its devices up takes seconds; one that is broken, for ever. */
const TOOL_MS = 20_000;
const FOLDERS = ['/opt/rocm/bin'];

export interface GpuWorld {
  /** Absolute path of a tool, or null. */
  find(name: string): string | null;
  /** Whether the kernel has the driver at all: asking costs seconds, and most machines have none. */
  exists(path: string): boolean;
  read(path: string): string | null;
  list(directory: string): readonly string[];
  readonly limitMs: number;
}

const REAL: GpuWorld = {
  limitMs: TOOL_MS,
  find: (name) => findTool(name, FOLDERS),
  exists: existsSync,
  read: (path) => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return null;
    }
  },
  list: (directory) => {
    try {
      return readdirSync(directory);
    } catch {
      return [];
    }
  },
};

export interface FoundGpus {
  readonly gpus: readonly Gpu[];
  /** Devices that are there and cannot be given, and tools that failed: a sentence each. */
  readonly remarks: readonly string[];
}

type Reader = (output: string, world: GpuWorld) => FoundGpus;

interface Driver {
  /** There where the driver is loaded. */
  readonly sign: string;
  /** Tried in order; the first that is there answers. */
  readonly tools: readonly {
    readonly name: string;
    readonly args: readonly string[];
    readonly read: Reader;
  }[];
}

const DRIVERS: readonly Driver[] = [
  {
    sign: '/proc/driver/nvidia/version',
    tools: [
      {
        name: 'nvidia-smi',
        args: [
          '--query-gpu=index,uuid,pci.bus_id,memory.total,mig.mode.current,name',
          '--format=csv,noheader,nounits',
        ],
        read: readNvidiaSmi,
      },
    ],
  },
  {
    sign: '/dev/kfd',
    tools: [
      {
        name: 'amd-smi',
        args: ['static', '--asic', '--bus', '--vram', '--json'],
        read: readAmdSmi,
      },
      {
        name: 'rocm-smi',
        args: [
          '--showuniqueid',
          '--showbus',
          '--showproductname',
          '--showmeminfo',
          'vram',
          '--json',
        ],
        read: readRocmSmi,
      },
    ],
  },
];

/** Never rejects: a machine whose tools fail has no GPUs, and a remark that says why. */
export async function findGpus(world: GpuWorld = REAL): Promise<FoundGpus> {
  const present = DRIVERS.filter(({ sign }) => world.exists(sign));
  const found = await Promise.all(present.map((driver) => ask(driver, world)));
  return {
    gpus: found.flatMap(({ gpus }) => gpus),
    remarks: found.flatMap(({ remarks }) => remarks),
  };
}

/** A tool that sleeps in its driver does not even die: it is not waited for. */
function answerOf(
  argv: readonly [string, ...string[]],
  limitMs: number,
): Promise<Pick<ToolResult, 'fault' | 'stdout'>> {
  const { promise, resolve } = Promise.withResolvers<Pick<ToolResult, 'fault' | 'stdout'>>();
  const fault = `it did not answer within ${formatDuration(limitMs)}`;
  const timer = setTimeout(() => resolve({ fault, stdout: '' }), limitMs);
  void runTool(argv, { timeoutMs: limitMs }).then((result) => {
    clearTimeout(timer);
    resolve(result);
  });
  return promise;
}

async function ask({ sign, tools }: Driver, world: GpuWorld): Promise<FoundGpus> {
  for (const { name, args, read } of tools) {
    const path = world.find(name);
    if (path === null) continue;
    const { fault, stdout } = await answerOf([path, ...args], world.limitMs);
    if (fault !== '') return { gpus: [], remarks: [`no GPUs: ${name} failed: ${fault}`] };
    try {
      return read(stdout, world);
    } catch {
      return { gpus: [], remarks: [`no GPUs: ${name} printed what it should not`] };
    }
  }
  const names = tools.map(({ name }) => name).join(' nor ');
  return { gpus: [], remarks: [`no GPUs: ${sign} is there, but there is no ${names}`] };
}
