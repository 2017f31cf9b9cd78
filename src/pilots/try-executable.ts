import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { pilotErrors } from './errors.ts';

/** Unpacking on a slow disk, on a machine that is busy. */
const PATIENCE_MS = 60_000;
const LONGEST_REASON = 300;

/**
 * Runs an executable of Windrow only to learn which version it is. Rejects with
 * PILOT_EXECUTABLE_UNFIT where it does not run, with what it said.
 */
export async function tryExecutable(path: string): Promise<string> {
  const child = spawn(path, ['version', '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: PATIENCE_MS,
  });
  const ended = once(child, 'close');
  const [said, complaint] = await Promise.all([text(child.stdout), text(child.stderr)]).catch(
    () => ['', ''],
  );
  const reason = await ended.then(
    ([code, signal]) => complaint.trim().slice(-LONGEST_REASON) || `it ended with ${signal ?? code}`,
    (error: Error) => error.message,
  );
  const version = versionIn(said);
  if (version !== undefined) return version;
  throw pilotErrors.create('PILOT_EXECUTABLE_UNFIT', { file: path, reason });
}

function versionIn(said: string): string | undefined {
  try {
    const { version } = JSON.parse(said) as { version?: unknown };
    return typeof version === 'string' ? version : undefined;
  } catch {
    return undefined;
  }
}
