/**
 * A part puts up some of the walls: it finds out what it can do here, plans, acts, measures. The
 * walls know parts only by this port.
 */
import type { Measured, Network, Wall } from '#model';
import type { Stuck } from '../stuck.ts';
import type { Ground, Plot } from './ground.ts';
import type { Hand, OperationOf, PartName } from './operation.ts';

/** Whether a wall can be put up here. Found by trying, once for a worker. */
export type Ability = {
  readonly wall: Wall;
  /** How it is made here, in a few words: `cgroup v2`, `bubblewrap as root`. */
  readonly how: string;
} & (
  | { readonly able: true }
  | {
      readonly able: false;
      /** What was tried and what came of it. */
      readonly reason: string;
      /** The command or the change that would mend it. */
      readonly remedy: string;
    }
);

/** `facts` is what the part itself needs to plan; null when it can do nothing here. */
export interface Probed<Facts> {
  readonly facts: Facts | null;
  readonly abilities: readonly Ability[];
  /** Said once at the start of the worker; e.g. a device that could not be used. */
  readonly remarks: readonly string[];
}

export interface Limit {
  /** As prlimit(1) names them: `as`, `nproc`, `core`. */
  readonly resource: string;
  readonly soft: number;
  readonly hard: number;
}

export interface Bind {
  /** Absolute, on the host. */
  readonly source: string;
  /** Absolute, as the attempt sees it. */
  readonly target: string;
  readonly write: boolean;
}

/** What one part does for one attempt. */
export interface PartPlan<Part extends PartName> {
  readonly operations: readonly OperationOf<Part>[];
  /** The walls that stand when the operations are carried out. */
  readonly walls: readonly Wall[];
  /** `tasks` and `cgroup.procs` files that the process writes itself into before it runs anything. */
  readonly cgroups?: readonly string[];
  /** Namespace files, e.g. `/run/netns/x`, that the process enters before it runs anything. */
  readonly namespaces?: readonly string[];
  readonly limits?: readonly Limit[];
  /** Device nodes that the attempt may see besides the harmless ones. */
  readonly devices?: readonly string[];
  /** Files that take the place of the host's, e.g. a resolv.conf. */
  readonly binds?: readonly Bind[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** A limit that ends a program, with figures in the unit of the limit. */
export interface Exceeded {
  readonly wall: 'memory' | 'tasks' | 'disk';
  readonly limit: number;
  readonly peak: number;
  /** The limit is that of all attempts of the worker together, or of the machine. */
  readonly shared: boolean;
}

/** What had outlived the program. */
export interface Remains {
  /** Processes that were killed. */
  readonly killed: number;
  /** Those that could not be. */
  readonly stuck: readonly Stuck[];
}

/** What a part knows when nothing of the program runs any more and none of its operations is undone yet. */
export interface Settled {
  /** Figures that are better than what the starter saw. */
  readonly measured: readonly Measured[];
  /** Bytes by the comment of the rule that counted them, e.g. `OutgoingExternal`. */
  readonly network: Readonly<Record<string, number>>;
  /** The limit that ended the program; null: none. */
  readonly exceeded: Exceeded | null;
}

export interface Part<Name extends PartName, Facts> extends Hand<OperationOf<Name>> {
  readonly name: Name;
  /** Tries what it can do on this ground. Leaves nothing behind, whatever happens. */
  probe(ground: Ground): Promise<Probed<Facts>>;
  /**
   * Pure. What is done once, before the worker's first attempt, and undone after its last; parts
   * without such a thing lack it.
   */
  prepare?(ground: Ground, facts: Facts): readonly OperationOf<Name>[];
  /**
   * Pure. `walls` are those to be put up, all of which the part said it can; it may put up more.
   * Null: nothing to do for this attempt.
   */
  plan(
    plot: Plot,
    wanted: { readonly walls: ReadonlySet<Wall>; readonly network: Network },
    ground: Ground,
    facts: Facts,
  ): PartPlan<Name> | null;
  /**
   * From the program's start on: looks now and then at what only shows while it runs, and calls
   * `onExceeded` at most once when the program has to be ended. Returns what ends the looking.
   */
  watch?(
    operations: readonly OperationOf<Name>[],
    onExceeded: (exceeded: Exceeded) => void,
  ): () => void;
  /**
   * After the program's end: makes sure that nothing of it is left. Its slot is not free before. Parts
   * that know no processes lack it.
   */
  endRemains?(operations: readonly OperationOf<Name>[]): Promise<Remains> | Remains;
  /** After that, before anything is undone: measures. Parts that do not lack it. */
  settle?(operations: readonly OperationOf<Name>[]): Promise<Settled> | Settled;
  /**
   * Finds by the ground's tag what a dead worker left and removes it, where its journal is lost
   * too. Returns a sentence for each thing that was removed or could not be.
   */
  clear(ground: Ground): Promise<readonly string[]>;
}
