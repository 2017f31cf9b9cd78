import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { LauncherStarter } from './launcher.ts';
import { PROTOCOL_VERSION, ReportReader } from './launcher-frames.ts';
import type { Starter } from './port.ts';
import { SpawnStarter } from './spawn.ts';

/** For a launcher that does not answer at all. */
const PROBE_MS = 5000;

/** A starter for one slot: the launcher at `launcherPath`, or Node's own spawn where it is null. */
export function openStarter(options: { readonly launcherPath: string | null }): Starter {
  return options.launcherPath === null
    ? new SpawnStarter()
    : new LauncherStarter(options.launcherPath);
}

/**
 * The launcher that installation built beside this package. Null where there is none, or where it
 * does not run here or is of another version, as after an update without "npm rebuild".
 */
export function findLauncher(): string | null {
  if (process.platform !== 'linux') return null;
  const path = fileURLToPath(new URL('../../build/launcher', import.meta.url));
  return isLauncher(path) ? path : null;
}

/** Without input it says hello and ends, which takes some 2 ms. */
function isLauncher(path: string): boolean {
  const { stdout } = spawnSync(path, { input: '', timeout: PROBE_MS, env: {} });
  let fits = false;
  const ignore = () => {};
  new ReportReader({
    onHello: (version) => {
      fits = version === PROTOCOL_VERSION;
    },
    onOutput: ignore,
    onEnded: ignore,
    onFailed: ignore,
    onMalformed: ignore,
  }).push(stdout ?? Buffer.alloc(0));
  return fits;
}
