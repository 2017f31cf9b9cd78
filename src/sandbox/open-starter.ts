import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { LauncherStarter } from './launcher.ts';
import { PROTOCOL_VERSION, ReportReader } from './launcher-frames.ts';
import type { Starter } from './port.ts';
import { SpawnStarter } from './spawn.ts';
import { type Tracking, wayAlone } from './tracking/ways.ts';

/** For a launcher that does not answer at all. */
const PROBE_MS = 5000;

/**
 * A starter for one slot: the launcher at `launcherPath`, or Node's own spawn where it is null. The
 * launcher adopts whatever a program leaves; a way of tracking that is weaker is therefore spawn's.
 */
export function openStarter(options: {
  readonly launcherPath: string | null;
  readonly tracking?: Tracking;
}): Starter {
  const alone = wayAlone(options.tracking ?? 'auto');
  return options.launcherPath === null || alone !== null
    ? new SpawnStarter(alone)
    : new LauncherStarter(options.launcherPath);
}

/** What `findLauncher` has found, once it has looked. */
let found: string | null | undefined;

/**
 * The launcher that installation built beside this package. Null where there is none, or where it
 * does not run here or is of another version, as after an update without "npm rebuild". Looked for
 * once in a process.
 */
export function findLauncher(): string | null {
  if (found === undefined) {
    const path = fileURLToPath(new URL('../../build/launcher', import.meta.url));
    found = process.platform === 'linux' && isLauncher(path) ? path : null;
  }
  return found;
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
