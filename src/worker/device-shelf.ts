/** What only one lane can have at a time: whole GPUs, and CPUs where attempts are pinned. */
import type { ResourceRequest } from '#model';
import type { Gpu } from '#sandbox';

export interface Devices {
  readonly gpus: readonly Gpu[];
  /** Numbers of CPUs that are the lane's alone; none: it has a share of all. */
  readonly cpus: readonly number[];
}

export class DeviceShelf {
  readonly #gpus: Gpu[];
  readonly #cpus: number[];

  /** `cpus`: numbers of those to pin to, or none. */
  constructor(gpus: readonly Gpu[], cpus: readonly number[]) {
    this.#gpus = [...gpus];
    this.#cpus = [...cpus];
  }

  /** Undefined while too few GPUs are free. CPUs never keep anybody waiting. */
  take({ gpus, cpus }: Pick<ResourceRequest, 'gpus' | 'cpus'>): Devices | undefined {
    if (gpus > this.#gpus.length) return undefined;
    // A fraction of a CPU is a share, and so is what is left when others took too many.
    const wanted = Number.isInteger(cpus) && cpus <= this.#cpus.length ? cpus : 0;
    return { gpus: this.#gpus.splice(0, gpus), cpus: this.#cpus.splice(0, wanted) };
  }

  give({ gpus, cpus }: Devices): void {
    this.#gpus.push(...gpus);
    this.#cpus.push(...cpus);
  }
}
