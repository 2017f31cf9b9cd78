/** What the worker tells of its own machine: to the server with each sync, to policies as an ad. */
import type { Ad } from '#classad';
import { type MachineWalls, machineAd, offerAd } from '#model';
import type { SyncRequest } from '#wire';
import { type MachineLook, machineWatch } from './machine.ts';
import type { AgentOptions } from './port.ts';
import type { SlotPool } from './slot-pool.ts';
import { UnkilledProcesses } from './unkilled.ts';

type Told = Pick<
  SyncRequest,
  | 'name'
  | 'version'
  | 'platform'
  | 'memoryBytes'
  | 'diskFreeBytes'
  | 'gpus'
  | 'walls'
  | 'machine'
  | 'peer'
  | 'stager'
>;

export class OwnMachine {
  readonly #options: AgentOptions;
  readonly #offered: Ad;
  readonly #startedAtMs: number;
  readonly #look: () => MachineLook;
  readonly unkilled = new UnkilledProcesses();
  /** Null until the server has asked, or an attempt needed to know. */
  walls: MachineWalls | null = null;
  /** To the server and back; null before the first renewal. */
  roundTripMs: number | null = null;

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#offered = offerAd(options.offer);
    this.#startedAtMs = options.clock.now();
    this.#look = machineWatch(options.dir, options.clock);
  }

  async findWalls(): Promise<void> {
    try {
      this.walls = await this.#options.walls.machine();
    } catch (error) {
      this.#options.log.error({ err: error }, 'could not find out which walls can be put up');
    }
  }

  told(): Told {
    const { name, version, platform, memoryBytes, gpus } = this.#options;
    const { diskFreeBytes, figures } = this.#look();
    const unkillable = this.unkilled.count();
    return {
      ...{ name, version, platform, memoryBytes, diskFreeBytes },
      gpus: gpus.gpus.length,
      walls: this.walls,
      peer: this.#options.peerDoor?.told() ?? null,
      stager: this.#options.stager,
      machine: { ...figures, roundTripMs: this.roundTripMs, unkillable },
    };
  }

  /** As policies on it see it. */
  ad({ slots, used }: Pick<SlotPool, 'slots' | 'used'>, isWorking: boolean): Ad {
    const state = isWorking ? 'active' : 'draining';
    const times = { stateAtMs: this.#startedAtMs, lastHeardAtMs: this.#options.clock.now() };
    return machineAd({ ...this.told(), slots, used, state, ...times }, this.#offered);
  }
}
