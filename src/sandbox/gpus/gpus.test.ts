/** The tools are scripts that print what those of the makers do. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { temporaryFolder, writeScript } from '../starter-world.ts';
import { findGpus, type GpuWorld } from './find-gpus.ts';
import { gpuNodes, gpuVariables } from './gpu.ts';

const NVIDIA_TWO = `0, GPU-8a56a4bc-0184-a047-2620-0527aa1e4f21, 00000000:18:00.0, 81559, Disabled, NVIDIA H100 80GB HBM3
1, GPU-13f0d9c5-5dbd-e24f-6b58-5d4ac7bf1a8e, 00000000:2A:00.0, 81559, [N/A], Tesla T4, odd name
2, GPU-77aa0000-0000-0000-0000-000000000000, 00000000:3A:00.0, 40960, Enabled, NVIDIA A100
`;
const AMD_SMI = JSON.stringify([
  {
    gpu: 0,
    asic: { market_name: 'AMD Instinct MI300X', asic_serial: '0x18F68E602B8A790F' },
    bus: { bdf: '0000:03:00.0' },
    vram: { size: { value: 196_592, unit: 'MB' } },
  },
]);
const ROCM_SMI = JSON.stringify({
  card0: {
    'Unique ID': 'N/A',
    'PCI Bus': '0000:03:00.0',
    'VRAM Total Memory (B)': '17163091968',
    'Card Series': 'Navi 21',
  },
  card1: { 'Unique ID': '0x1', 'PCI Bus': '0000:43:00.0', 'Card series': 'Vega 20' },
  system: { 'Driver version': '6.3.6' },
});

interface Machine {
  /** Name of the tool and what it does, as a shell script. */
  readonly tools: Readonly<Record<string, string>>;
  readonly there: readonly string[];
  readonly files?: Readonly<Record<string, string>>;
}

function machine(test: TestContext, parts: Machine, limitMs = 20_000): GpuWorld {
  const { tools, there, files = {} } = parts;
  const folder = temporaryFolder(test);
  for (const [name, script] of Object.entries(tools)) {
    writeScript(folder, name, `#!/bin/sh\n${script}\n`);
  }
  return {
    find: (name) => (name in tools ? join(folder, name) : null),
    exists: (path) => there.includes(path),
    read: (path) => files[path] ?? null,
    limitMs,
    list: (directory) => (directory.includes('0000:03:00.0') ? ['card1', 'renderD129'] : []),
  };
}

const printing = (text: string) => `cat <<'END'\n${text}\nEND`;
const NVIDIA = '/proc/driver/nvidia/version';

describe('GPUs of a machine', () => {
  it('are those that nvidia-smi lists, whole ones only, with their device nodes', async (test) => {
    const world = machine(test, {
      tools: { 'nvidia-smi': printing(NVIDIA_TWO) },
      there: [NVIDIA],
      files: {
        '/proc/driver/nvidia/gpus/0000:18:00.0/information': 'Model: x\nDevice Minor: \t 7\n',
      },
    });
    const { gpus, remarks } = await findGpus(world);
    assert.deepEqual(gpus[0], {
      maker: 'nvidia',
      id: 'GPU-8a56a4bc-0184-a047-2620-0527aa1e4f21',
      model: 'NVIDIA H100 80GB HBM3',
      memoryBytes: 81_559 * 2 ** 20,
      nodes: ['/dev/nvidia7'],
    });
    assert.equal(gpus[1]!.model, 'Tesla T4, odd name');
    assert.deepEqual(gpus[1]!.nodes, ['/dev/nvidia1']);
    assert.equal(gpus.length, 2);
    assert.match(remarks[0]!, /GPU 2 is divided by MIG/);
  });

  it('are those that amd-smi or, where that lacks, rocm-smi lists', async (test) => {
    const there = ['/dev/kfd'];
    const modern = machine(test, {
      tools: { 'amd-smi': printing(AMD_SMI), 'rocm-smi': 'exit 1' },
      there,
    });
    assert.deepEqual((await findGpus(modern)).gpus, [
      {
        maker: 'amd',
        id: 'GPU-18f68e602b8a790f',
        model: 'AMD Instinct MI300X',
        memoryBytes: 196_592 * 2 ** 20,
        nodes: ['/dev/dri/card1', '/dev/dri/renderD129'],
      },
    ]);
    const older = machine(test, { tools: { 'rocm-smi': printing(ROCM_SMI) }, there });
    const { gpus } = await findGpus(older);
    assert.deepEqual(
      gpus.map(({ id, model }) => [id, model]),
      [
        ['0', 'Navi 21'],
        ['GPU-0000000000000001', 'Vega 20'],
      ],
    );
  });

  it('are none, with the reason, where a tool fails, lies or is missing', async (test) => {
    for (const [tools, reason] of [
      [{ 'nvidia-smi': 'echo "NVIDIA-SMI has failed" >&2; exit 9' }, /NVIDIA-SMI has failed/],
      [{ 'nvidia-smi': 'echo No devices were found' }, /printed what it should not/],
      [{}, /there is no nvidia-smi/],
    ] as const) {
      const found = await findGpus(machine(test, { tools, there: [NVIDIA] }));
      assert.deepEqual(found.gpus, []);
      assert.match(found.remarks[0]!, reason);
    }
  });

  it('are none where the tool hangs, and it is not waited for', async (test) => {
    const tools = { 'nvidia-smi': 'exec sleep 60' };
    const world = machine(test, { tools, there: [NVIDIA] }, 50);
    const { remarks } = await findGpus(world);
    assert.match(remarks[0]!, /did not answer within 50 ms|SIGKILL/);
  });

  it('are not asked for where there is no driver', async (test) => {
    const world = machine(test, { tools: { 'nvidia-smi': printing(NVIDIA_TWO) }, there: [] });
    assert.deepEqual(await findGpus(world), { gpus: [], remarks: [] });
  });
});

describe('a program', () => {
  const gpu = (maker: 'nvidia' | 'amd', id: string) =>
    ({ maker, id, model: '', memoryBytes: 0, nodes: [`/dev/${id}`] }) as const;
  const all = [gpu('nvidia', 'a'), gpu('nvidia', 'b'), gpu('amd', 'c')];

  it('sees the GPUs that it was given, and no other', () => {
    assert.deepEqual(gpuVariables([all[1]!], all), {
      CUDA_VISIBLE_DEVICES: 'b',
      ROCR_VISIBLE_DEVICES: '',
    });
    assert.deepEqual(gpuNodes([all[2]!]), ['/dev/kfd', '/dev/c']);
  });

  it('that was given none sees none, and on a machine without GPUs nothing is said', () => {
    assert.deepEqual(gpuVariables([], all), { CUDA_VISIBLE_DEVICES: '', ROCR_VISIBLE_DEVICES: '' });
    assert.deepEqual(gpuVariables([], []), {});
    assert.deepEqual(gpuNodes([]), []);
  });
});
