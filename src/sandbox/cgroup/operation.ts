/** What is done to cgroups: those of the worker once, those of each attempt. */
import type { Controller } from './hierarchies.ts';
import type { LimitName } from './limits.ts';

export type CgroupOperation =
  /** A new group; undone with all that is in it, processes included. */
  | {
      readonly part: 'cgroup';
      readonly do: 'make';
      /** Absolute, below a cgroup mount. */
      readonly path: string;
      readonly version: 1 | 2;
      /** What it can limit or measure. */
      readonly controllers: readonly Controller[];
    }
  /** Of version 2: groups inside of `path` may use the controller. */
  | {
      readonly part: 'cgroup';
      readonly do: 'hand-down';
      readonly path: string;
      readonly controller: Controller;
    }
  /** Of version 2: the worker's own processes leave `path` for `leaf` inside of it, made for them. */
  | {
      readonly part: 'cgroup';
      readonly do: 'step-aside';
      readonly path: string;
      readonly leaf: string;
    }
  /** A write to a file of the group; goes with the group. */
  | {
      readonly part: 'cgroup';
      readonly do: 'limit';
      readonly path: string;
      readonly limit: LimitName;
      /** File name inside of the group. */
      readonly file: string;
      readonly value: string;
      /** The same under other kernels or schedulers, tried in this order. */
      readonly otherwise: readonly { readonly file: string; readonly value: string }[];
      /** Nothing is lost where the kernel lacks the file, as that of swap without swap. */
      readonly mayLack: boolean;
    };

export type MakeGroup = Extract<CgroupOperation, { readonly do: 'make' }>;
export type LimitGroup = Extract<CgroupOperation, { readonly do: 'limit' }>;
