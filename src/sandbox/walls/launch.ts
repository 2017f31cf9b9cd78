/**
 * What a starter must do so that a program begins behind its walls. The launcher does all of it
 * between fork and exec, before a single instruction of anybody else runs.
 */
export interface LaunchWalls {
  /**
   * Put before the program: bubblewrap, then the last stage of the launcher, which looks for the file
   * on the program's PATH and reports through descriptor 3. `[]`: the program is executed directly.
   */
  readonly prefix: readonly string[];
  /** `tasks` and `cgroup.procs` files that the process, which has one thread, writes itself into. */
  readonly cgroups: readonly string[];
  /** Namespace files that it enters, after the cgroups. */
  readonly namespaces: readonly string[];
  /**
   * Places that the prefix covers, whatever is mounted there. A starter that can begins it without those
   * mounts, each of which costs time with every mount that the prefix makes.
   */
  readonly covered?: readonly string[];
  /**
   * The prefix stays until the program has ended, and guards it: it is spared when the program is
   * asked to end, and it tells how the program ended.
   */
  readonly guarded: boolean;
  /** A supplementary group that only the processes of this start have. */
  readonly mark?: number;
  /** Opened read-only as descriptors 4, 5, … and handed to the prefix. */
  readonly files: readonly string[];
}

/** What is executed for a request, and with which arguments. */
export function withPrefix(request: {
  readonly file: string;
  readonly argv: readonly string[];
  readonly walls?: LaunchWalls;
}): { file: string; argv: readonly string[] } {
  const [first, ...rest] = request.walls?.prefix ?? [];
  const { file, argv } = request;
  if (first === undefined) return { file, argv };
  return { file: first, argv: [first, ...rest, file, ...argv] };
}
