/** What the command line asks of the walls of this machine. */
import type { NetworkValues, WallValues } from '#base';
import type { Isolation, Level, Network, ResourceRequest, Usage, Wall, WallsHad } from '#model';
import type { World } from './world.ts';

/** One way to one wall of this machine. */
export interface WallFound {
  readonly wall: Wall;
  readonly able: boolean;
  readonly how: string;
  /** Why not, and what would mend it; `''` where it can. */
  readonly reason: string;
  readonly remedy: string;
}

/** One way of knowing which processes are an attempt's, the strongest first. */
export interface TrackingFound {
  readonly name: string;
  readonly able: boolean;
  /** The one that is used, and not only could be. */
  readonly used: boolean;
  readonly how: string;
  readonly misses: string;
  /** Why it is not to be had; `''` where it is. */
  readonly reason: string;
}

export interface WallsFound {
  /** What attempts get whose jobs say nothing. */
  readonly level: Level;
  readonly ways: readonly WallFound[];
  readonly tracking: readonly TrackingFound[];
  readonly networks: readonly Network[];
  readonly roots: readonly string[];
  readonly remarks: readonly string[];
}

/** A command to be run behind walls without a server. */
export interface SandboxWish {
  readonly words: readonly string[];
  readonly isolation: Isolation;
  readonly request: ResourceRequest;
  /** 0: none. */
  readonly timeoutMs: number;
  /** Absolute, or null: in its scratch directory. */
  readonly directory: string | null;
  /** Absolute; where it makes its own directory. */
  readonly workerDirectory: string;
  readonly values: WallValues & NetworkValues;
}

/** Operations as they are printed: what they are besides `part` and `do` is the part's affair. */
export interface SandboxPlan {
  readonly operations: readonly { readonly part: string; readonly do: string }[];
  /** What the new process does before it runs anything. */
  readonly cgroups: readonly string[];
  readonly namespaces: readonly string[];
  readonly files: readonly string[];
  readonly command: readonly string[];
  readonly walls: WallsHad;
}

export interface SandboxEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** One sentence, or `''` when it ended by itself. */
  readonly reason: string;
  readonly walls: WallsHad;
  readonly usage: Usage;
  /** Bytes by the comment of the rule that counted them. */
  readonly network: Readonly<Record<string, number>>;
}

/** The walls of this machine, without a server. Rejects with WindrowErrors. */
export interface Sandbox {
  examine(values: WallValues & NetworkValues, workerDirectory: string): Promise<WallsFound>;
  plan(wish: SandboxWish): Promise<SandboxPlan>;
  /** stdout and stderr are passed on; ended when `world.ending` is. */
  run(wish: SandboxWish, world: World): Promise<SandboxEnd>;
}
