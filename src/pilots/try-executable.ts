import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { pilotErrors } from './errors.ts';

/** Unpacking on a slow disk, on a machine that is busy. */
const PATIENCE_MS = 60_000;
const LONGEST_REASON = 300;

/**
 * Runs an executable of Windrow only to learn which version it is. Rejects with
 * PILOT_EXECUTABLE_UNFIT where it does not run, with what it said.
 */
export async function tryExecutable(path: string, signal: AbortSignal): Promise<string> {
  try {
    const limits = { timeout: PATIENCE_MS, killSignal: 'SIGKILL', signal } as const;
    const { stdout } = await promisify(execFile)(path, ['version', '--json'], limits);
    const { version } = JSON.parse(stdout) as { version?: unknown };
    if (typeof version === 'string') return version;
    throw new Error(`it says ${stdout.trim()}`);
  } catch (error) {
    const { stderr = '', signal: killedBy, message } = error as Error & Partial<ExecFault>;
    const said = stderr.trim() || (killedBy ? `${killedBy} ended it` : message);
    const facts = { file: path, reason: said.slice(-LONGEST_REASON) };
    throw pilotErrors.create('PILOT_EXECUTABLE_UNFIT', facts, { cause: error });
  }
}

interface ExecFault {
  readonly stderr: string;
  readonly signal: string | null;
}
