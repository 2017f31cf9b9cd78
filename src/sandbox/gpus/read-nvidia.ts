import type { FoundGpus, GpuWorld } from './find-gpus.ts';
import type { Gpu } from './gpu.ts';

const MIB = 2 ** 20;

/** Lines of `0, GPU-…, 00000000:65:00.0, 81559, Disabled, NVIDIA H100 80GB HBM3`. */
export function readNvidiaSmi(output: string, world: GpuWorld): FoundGpus {
  const gpus: Gpu[] = [];
  const remarks: string[] = [];
  for (const line of output.split('\n').filter((text) => text.trim() !== '')) {
    // The model comes last: it is free text.
    const [index, uuid, bus, memory, mig, ...model] = line.split(',').map((text) => text.trim());
    if (!/^\d+$/.test(index ?? '') || !/^GPU-[0-9a-f-]+$/i.test(uuid ?? '')) throw new Error(line);
    if (mig === 'Enabled') {
      remarks.push(`GPU ${index} is divided by MIG and cannot be given as a whole`);
      continue;
    }
    gpus.push({
      maker: 'nvidia',
      id: uuid!,
      model: model.join(', '),
      memoryBytes: (Number(memory) || 0) * MIB,
      nodes: [`/dev/nvidia${minorOf(bus ?? '', world) ?? index}`],
    });
  }
  return { gpus, remarks };
}

/** The number of its device node, which need not be the one that nvidia-smi counts by. */
function minorOf(bus: string, world: GpuWorld): string | undefined {
  // nvidia-smi writes a domain of eight digits, the kernel one of four.
  const place = bus.toLowerCase().replace(/^0000(?=[0-9a-f]{4}:)/, '');
  const information = world.read(`/proc/driver/nvidia/gpus/${place}/information`);
  return /^Device Minor:\s*(\d+)/m.exec(information ?? '')?.[1];
}
