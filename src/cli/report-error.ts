import { appendFileSync, existsSync, mkdirSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { messageOf, printableLines, type Surroundings, WindrowError, withoutSecrets } from '#base';
import { cliErrors } from './errors.ts';

const CRASH_FILE_MOST_BYTES = 1 << 20;

/**
 * What of an error a user sees: message, what to do, code; as text, or as one line of JSON. Text of
 * an error may come from outside, so it cannot steer the terminal.
 */
export function errorText(error: WindrowError, asJson: boolean): string {
  if (asJson) {
    const { code, message, todo, facts } = error;
    return `${JSON.stringify({ error: { code, message, todo, facts } })}\n`;
  }
  const indented = (text: string) => printableLines(text).replaceAll('\n', '\n  ');
  return `windrow: ${indented(error.message)}\n  ${indented(error.todo)}\n  code: ${error.code}\n`;
}

/** An error for users from anything thrown; what is nobody's plan goes with its stack into a file. */
export function codedError(
  thrown: unknown,
  surroundings: Surroundings,
  nowMs: number,
): WindrowError {
  if (thrown instanceof WindrowError) return thrown;
  const log = keepCrash(thrown, surroundings, nowMs);
  const reason = withoutSecrets(messageOf(thrown));
  return cliErrors.create('INTERNAL', { reason, log }, { cause: thrown });
}

/** Appends to `crash.log` in the state home, or in the temporary directory; says where. */
function keepCrash(thrown: unknown, surroundings: Surroundings, nowMs: number): string {
  const { environment, home } = surroundings;
  const stateHome = environment.XDG_STATE_HOME || join(home, '.local', 'state');
  const text = withoutSecrets(`${new Date(nowMs).toISOString()} ${stackOf(thrown)}\n`);
  const user = process.getuid?.() ?? 'user';
  for (const path of [
    join(stateHome, 'windrow', 'crash.log'),
    join(tmpdir(), `windrow-crash-${user}.log`),
  ]) {
    try {
      makeDirectory(dirname(dirname(path)));
      makeDirectory(dirname(path));
      if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > CRASH_FILE_MOST_BYTES)
        truncateSync(path);
      appendFileSync(path, text, { mode: 0o600 });
      return path;
    } catch {
      // The next place; an error while telling of an error must not hide the first.
    }
  }
  return 'no file, because none could be written';
}

function stackOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const own = thrown.stack ?? String(thrown);
  return thrown.cause === undefined ? own : `${own}\ncaused by ${stackOf(thrown.cause)}`;
}

function makeDirectory(path: string): void {
  if (!existsSync(path)) mkdirSync(path, { mode: 0o700 });
}
