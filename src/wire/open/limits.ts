/** Bounds on what is read in the open protocol. Every one of them ends in `OPEN_TOO_LARGE`. */
export interface OpenLimits {
  /** One line outside content. */
  readonly lineBytes: number;
  /** One result or input. */
  readonly contentBytes: number;
  /** The whole text, framing included. */
  readonly totalBytes: number;
  readonly sections: number;
  /** `Key=value` lines in one section. */
  readonly fields: number;
}

export const COMPLETION_LIMITS: OpenLimits = {
  lineBytes: 8 * 1024,
  contentBytes: 1024 ** 3,
  totalBytes: 4 * 1024 ** 3,
  sections: 10_200,
  fields: 16,
};

export const TASK_LIMITS: OpenLimits = {
  // A command line may be as long as the kernel takes one (execve: 2 MiB of arguments).
  lineBytes: 4 * 1024 ** 2,
  contentBytes: 64 * 1024 ** 3,
  totalBytes: 256 * 1024 ** 3,
  sections: 100_000,
  fields: 16,
};
