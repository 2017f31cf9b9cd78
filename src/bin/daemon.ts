/** `windrow traps serve --daemon`: another process of its own, which says when it serves. */
import { closeSync, constants, openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { commandOf, makeDirectories, systemReasonOf, WindrowError } from '#base';
import type { TrapsServeOptions, World } from '#cli';
import { startDetached } from '#sandbox';
import { binErrors } from './errors.ts';

/** Of the first descriptor that is no standard one. */
const READY_FD = 3;
// Root opens it, perhaps in a directory of somebody else's: never through a link.
const LOG_FLAGS =
  constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW;

/** Resolves when the daemon serves. @throws WindrowError what kept it from that */
export async function becomeDaemon(options: TrapsServeOptions, world: World): Promise<number> {
  const path = logPathOf(options);
  const log = openLogFile(path);
  try {
    const given = options.given.filter((option) => !option.startsWith('--daemon='));
    const { pid, said } = await startDetached({
      argv: [
        ...commandOf(new URL('./windrow.js', import.meta.url)),
        ...['traps', 'serve', ...given, '--ready-fd', String(READY_FD)],
        ...['--log-level', options.log.level, '--log-format', options.log.format],
      ],
      directory: world.surroundings.directory,
      environment: world.surroundings.environment,
      log,
    });
    if (!said.startsWith('windrow: ')) throw failureOf(said, path);
    await world.stdout.write(said.replace(/\n$/, ` (process ${pid})\n`));
    return 0;
  } finally {
    closeSync(log);
  }
}

function logPathOf({ settings }: TrapsServeOptions): string {
  if (settings.logFile !== '') return settings.logFile;
  if (process.getuid?.() === 0) return '/var/log/windrow-traps.log';
  return settings.history === 0 ? '/dev/null' : join(settings.stateDirectory, 'traps.log');
}

function openLogFile(path: string): number {
  try {
    makeDirectories(dirname(path), 0o700);
    return openSync(path, LOG_FLAGS, 0o600);
  } catch (error) {
    const facts = { path, reason: systemReasonOf(error) };
    throw binErrors.create('LOG_FILE_FAILED', facts, { cause: error });
  }
}

/** The daemon's own error, word by word. */
function failureOf(said: string, log: string): WindrowError {
  try {
    return new WindrowError(JSON.parse(said));
  } catch {
    return binErrors.create('DAEMON_NOT_STARTED', { log });
  }
}
