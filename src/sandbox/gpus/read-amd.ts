import type { FoundGpus, GpuWorld } from './find-gpus.ts';
import type { Gpu } from './gpu.ts';

const MIB = 2 ** 20;

interface AmdSmiEntry {
  readonly gpu: number;
  readonly asic?: { readonly market_name?: string; readonly asic_serial?: string };
  readonly bus?: { readonly bdf?: string };
  readonly vram?: { readonly size?: { readonly value?: number } };
}

/** `amd-smi static --json`: a list, in later versions inside of `gpu_data`. */
export function readAmdSmi(output: string, world: GpuWorld): FoundGpus {
  const found = JSON.parse(output) as AmdSmiEntry[] | { gpu_data: AmdSmiEntry[] };
  const entries = Array.isArray(found) ? found : found.gpu_data;
  const gpus = entries.map((entry) =>
    deviceOf(
      {
        index: entry.gpu,
        serial: entry.asic?.asic_serial,
        model: entry.asic?.market_name,
        memoryBytes: (entry.vram?.size?.value ?? 0) * MIB,
        bus: entry.bus?.bdf,
      },
      world,
    ),
  );
  return { gpus, remarks: [] };
}

/** `rocm-smi --json`: `card0`, `card1` … with figures as text; other keys are about the system. */
export function readRocmSmi(output: string, world: GpuWorld): FoundGpus {
  const found = JSON.parse(output) as Record<string, Record<string, string>>;
  const cards = Object.entries(found).filter(([name]) => /^card\d+$/.test(name));
  const gpus = cards.map(([name, card]) =>
    deviceOf(
      {
        index: Number(name.slice('card'.length)),
        serial: card['Unique ID'],
        model: card['Card Series'] ?? card['Card series'],
        memoryBytes: Number(card['VRAM Total Memory (B)']) || 0,
        bus: card['PCI Bus'],
      },
      world,
    ),
  );
  return { gpus, remarks: [] };
}

interface Device {
  readonly index: number;
  readonly serial: string | undefined;
  readonly model: string | undefined;
  readonly memoryBytes: number;
  readonly bus: string | undefined;
}

function deviceOf({ index, serial, model, memoryBytes, bus }: Device, world: GpuWorld): Gpu {
  if (!Number.isInteger(index)) throw new Error('a device without a number');
  // The runtime knows a device by `GPU-` and its serial number, where it has one.
  const digits = /^0x0*([0-9a-f]+)$/i.exec(serial ?? '')?.[1]?.toLowerCase();
  return {
    maker: 'amd',
    id: digits ? `GPU-${digits.padStart(16, '0')}` : String(index),
    model: model ?? 'AMD GPU',
    memoryBytes,
    nodes: nodesOf(bus ?? '', world),
  };
}

/** `card0` and `renderD128` of the device at that place on the bus. */
function nodesOf(bus: string, world: GpuWorld): string[] {
  if (!/^[0-9a-f:.]+$/i.test(bus)) return [];
  const names = world.list(`/sys/bus/pci/devices/${bus.toLowerCase()}/drm`);
  return names.filter((name) => /^(card|renderD)\d+$/.test(name)).map((name) => `/dev/dri/${name}`);
}
