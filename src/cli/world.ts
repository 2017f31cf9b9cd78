import type { Readable } from 'node:stream';
import type { Clock, Settings, Surroundings, WindrowSettings, windrowSettings } from '#base';
import type { Output } from './output.ts';

/** Everything outside that a command may touch; `bin/` has the real one, tests have their own. */
export interface World {
  readonly surroundings: Surroundings;
  readonly stdin: Readable & { readonly isTTY?: boolean; setRawMode?(raw: boolean): unknown };
  readonly stdout: Output;
  readonly stderr: Output;
  readonly clock: Clock;
  readonly version: string;
  /** Aborted when the user wants to end: Ctrl-C, SIGTERM, SIGHUP. */
  readonly ending: AbortSignal;
}

export type ReadSettings = Settings<typeof windrowSettings>;
export type SettingValues = WindrowSettings;
