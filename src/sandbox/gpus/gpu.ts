/** One whole device that an attempt can be given. */
export interface Gpu {
  readonly maker: 'nvidia' | 'amd';
  /** What the maker's runtime knows it by for ever, as a UUID; else its number. */
  readonly id: string;
  readonly model: string;
  /** 0: not told. */
  readonly memoryBytes: number;
  /** Device nodes that belong to this one alone. */
  readonly nodes: readonly string[];
}

/** Nodes that all devices of a maker share: a program that is given one needs these as well. */
export const SHARED_NODES: Readonly<Record<Gpu['maker'], readonly string[]>> = {
  nvidia: ['/dev/nvidiactl', '/dev/nvidia-uvm', '/dev/nvidia-uvm-tools'],
  amd: ['/dev/kfd'],
};

/** The variable that the runtime of each maker obeys. */
const VARIABLES: Readonly<Record<Gpu['maker'], string>> = {
  nvidia: 'CUDA_VISIBLE_DEVICES',
  amd: 'ROCR_VISIBLE_DEVICES',
};

/**
 * What a program given `given` of the machine's `all` finds in its environment. Of makers whose
 * devices are here, but not given, it sees none: an empty list is not the same as no variable.
 */
export function gpuVariables(
  given: readonly Gpu[],
  all: readonly Gpu[],
): Readonly<Record<string, string>> {
  const variables: Record<string, string> = {};
  for (const { maker } of all) {
    const own = given.filter((gpu) => gpu.maker === maker);
    variables[VARIABLES[maker]] = own.map(({ id }) => id).join(',');
  }
  return variables;
}

/** Device nodes for a program that was given these. */
export function gpuNodes(given: readonly Gpu[]): string[] {
  const makers = new Set(given.map(({ maker }) => maker));
  const shared = [...makers].flatMap((maker) => SHARED_NODES[maker]);
  return [...shared, ...given.flatMap(({ nodes }) => nodes)];
}
