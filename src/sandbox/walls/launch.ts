/**
 * What a starter must do so that a program begins behind its walls. The launcher does all of it
 * between fork and exec, before a single instruction of anybody else runs.
 */
export interface LaunchWalls {
  /** Put before `argv`: bubblewrap and the last stage. `[]`: the program is executed directly. */
  readonly prefix: readonly string[];
  /** `cgroup.procs` files that the process writes itself into. */
  readonly cgroups: readonly string[];
  /** Namespace files that it enters, after the cgroups. */
  readonly namespaces: readonly string[];
  /** Opened read-only as descriptors 4, 5, … and handed to the prefix. */
  readonly files: readonly string[];
}
