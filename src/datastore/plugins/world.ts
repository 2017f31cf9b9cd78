/** What plugins run in. */
import type { Ambient } from '#classad';
import type { RunPluginProcess } from './port.ts';

export interface PluginWorld {
  readonly run: RunPluginProcess;
  /** Absolute, private and empty: the current directory of plugins, and where lists of files lie. */
  readonly directory: string;
  /** The whole environment of plugins. */
  readonly environment: Readonly<Record<string, string>>;
  /** MAX_FILE_TRANSFER_PLUGIN_LIFETIME of HTCondor: after it the plugin's whole tree is killed. */
  readonly lifetimeMs: number;
  /** Gives a file to the account that plugins run as; left out: that of this process. */
  readonly handOver?: ((path: string) => void) | undefined;
  readonly ambient: Ambient;
  readonly signal?: AbortSignal | undefined;
}
