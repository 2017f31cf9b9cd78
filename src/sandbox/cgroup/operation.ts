/** What is done to the cgroups of an attempt. */
export type CgroupOperation = {
  readonly part: 'cgroup';
  readonly do: 'make';
  /** Absolute, below a cgroup mount. */
  readonly path: string;
};
