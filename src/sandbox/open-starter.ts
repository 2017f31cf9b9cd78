import { accessSync, constants } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { LauncherStarter } from './launcher.ts';
import type { Starter } from './port.ts';
import { SpawnStarter } from './spawn.ts';

/** A starter for one slot: the launcher at `launcherPath`, or Node's own spawn where it is null. */
export function openStarter(options: { readonly launcherPath: string | null }): Starter {
  return options.launcherPath === null
    ? new SpawnStarter()
    : new LauncherStarter(options.launcherPath);
}

/** The launcher that installation built beside this package, or null where there is none. */
export function findLauncher(): string | null {
  if (process.platform !== 'linux') return null;
  const path = fileURLToPath(new URL('../../build/launcher', import.meta.url));
  try {
    accessSync(path, constants.X_OK);
    return path;
  } catch {
    return null;
  }
}
