/**
 * How a worker tells whoever started it what became of the start, once the server has answered, or
 * when the worker ends before: a file that appears whole, or a line in a pipe that waits for it.
 */
import { closeSync, constants, openSync, statSync, writeSync } from 'node:fs';
import { type Facts, replaceFile, WindrowError } from '#base';

export type StartReport =
  | { readonly state: 'connected'; readonly worker: string; readonly pid: number }
  | { readonly state: 'failed'; readonly error: WindrowError };

/** Readers take no more of it. */
const LONGEST_REPORT = 4000;

/**
 * Writes the report in place of an older one, or into the pipe that lies there. A failure to do so
 * must not end a worker.
 */
export function writeStartReport(path: string, report: StartReport): void {
  try {
    const text = textOf(report);
    if (statSync(path, { throwIfNoEntry: false })?.isFIFO()) writeLine(path, text);
    else replaceFile(path, text);
  } catch {
    // Its reader waits in vain, and says so; or has gone.
  }
}

/** Who has nobody at the other end does not wait for somebody: pipe(7), O_NONBLOCK. */
function writeLine(path: string, text: string): void {
  const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  try {
    writeSync(fd, `${text}\n`);
  } finally {
    closeSync(fd);
  }
}

function textOf(report: StartReport): string {
  if (report.state === 'connected') return JSON.stringify(report);
  const { code, message, todo, status, facts } = report.error;
  const whole = JSON.stringify({ state: 'failed', error: { code, message, todo, status, facts } });
  if (Buffer.byteLength(whole) <= LONGEST_REPORT) return whole;
  const short = {
    code,
    message: message.slice(0, 800),
    todo: todo.slice(0, 400),
    status,
    facts: {},
  };
  return JSON.stringify({ state: 'failed', error: short });
}

/** Undefined for what is none: the other side is not to be trusted to be well. */
export function parseStartReport(text: string): StartReport | undefined {
  try {
    const found = JSON.parse(text) as {
      state?: unknown;
      worker?: unknown;
      pid?: unknown;
      error?: {
        code?: unknown;
        message?: unknown;
        todo?: unknown;
        status?: unknown;
        facts?: unknown;
      };
    } | null;
    if (found?.state === 'connected' && Number.isSafeInteger(found.pid)) {
      return { state: 'connected', worker: String(found.worker), pid: Number(found.pid) };
    }
    const { code, message, todo, status, facts } = found?.error ?? {};
    if (typeof code !== 'string' || typeof message !== 'string') return undefined;
    const parts = { code, message, todo: String(todo), status: Number(status) || 500 };
    const known = typeof facts === 'object' && facts !== null ? (facts as Facts) : {};
    return { state: 'failed', error: new WindrowError({ ...parts, facts: known }) };
  } catch {
    return undefined;
  }
}
