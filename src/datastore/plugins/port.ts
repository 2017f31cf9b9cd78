/** What running a plugin needs from outside: one process, watched, bounded, ended with all it began. */

export interface PluginProcessOptions {
  /** Absolute; the plugin's current directory. */
  readonly directory: string;
  /** The whole environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** After it the whole tree is killed. */
  readonly lifetimeMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** How it ended. Output beyond a limit is left out of its middle. */
export interface PluginProcessEnd {
  readonly how: 'exited' | 'timed-out' | 'aborted' | 'not-started';
  /** Null when a signal ended it, or it was not started. */
  readonly exitCode: number | null;
  /** e.g. `SIGSEGV`; null when it exited by itself. */
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, and its whole tree with it. Never rejects. */
export type RunPluginProcess = (
  argv: readonly [string, ...string[]],
  options: PluginProcessOptions,
) => Promise<PluginProcessEnd>;
