/** Which plugin fetches which scheme on this machine, for all jobs or for one. */
import { WindrowError } from '#base';
import { describePlugin, type Plugin } from './describe.ts';
import type { PluginWorld } from './world.ts';

/** By scheme. */
export type Plugins = ReadonlyMap<string, Plugin>;

/**
 * Asks all plugins what they fetch. A later one takes a scheme from an earlier one; one that does not
 * answer as it must is left out, and told of.
 */
export async function findPlugins(
  paths: readonly string[],
  world: PluginWorld,
): Promise<{ plugins: Plugins; faults: readonly WindrowError[] }> {
  const plugins = new Map<string, Plugin>();
  const faults: WindrowError[] = [];
  const found = await Promise.allSettled(paths.map((path) => describePlugin(path, world)));
  for (const one of found) {
    if (one.status === 'fulfilled') {
      for (const scheme of one.value.schemes) plugins.set(scheme, one.value);
    } else if (one.reason instanceof WindrowError) faults.push(one.reason);
    else throw one.reason;
  }
  return { plugins, faults };
}

/** The scheme of a URL in lower case, or null: `c:/…` and relative paths have none. */
export function schemeOf(url: string): string | null {
  const found = /^([A-Za-z][A-Za-z0-9+.-]{1,63}):/.exec(url);
  return found ? found[1]!.toLowerCase() : null;
}

/**
 * What plugins find of the job in their environment, as HTCondor gives it: `named` by its own name,
 * of `jobEnvironment` what begins with the plugin's name and `_`, in any case.
 */
export function pluginEnvironment(
  plugin: Pick<Plugin, 'name' | 'batches'>,
  base: Readonly<Record<string, string>>,
  jobEnvironment: Readonly<Record<string, string>>,
): Record<string, string> {
  if (!plugin.batches) return { ...base };
  const prefix = `${plugin.name.replace(/\.[^.]*$/, '')}_`.toLowerCase();
  const own = Object.entries(jobEnvironment).filter(([name]) =>
    name.toLowerCase().startsWith(prefix),
  );
  return { ...base, ...Object.fromEntries(own) };
}
