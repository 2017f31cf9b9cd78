/** Running the system's own tools (bwrap, nft, ip, …): short, bounded, never through a shell. */
import { spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { join } from 'node:path';
import { formatDuration, messageOf } from '#base';
import { CapturedOutput } from './captured-output.ts';
import { endOutput } from './output-end.ts';
import { sendSignal } from './process-tree.ts';

/** The tools of administrators are not on every user's PATH. */
const TOOL_FOLDERS = [
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
];
const TOOL_MS = 30_000;
const TOOL_OUTPUT_BYTES = 256 * 1024;
const TOOL_ENVIRONMENT = { PATH: TOOL_FOLDERS.join(':'), LC_ALL: 'C' };

export interface ToolResult {
  /** Null when it could not be started, took too long, or was ended by a signal. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** `''` when it ended with 0; else what went wrong, in one line. */
  readonly fault: string;
}

/** Absolute path of a tool, or null where the machine lacks it; `more` folders are looked at last. */
export function findTool(name: string, more: readonly string[] = []): string | null {
  for (const folder of [...TOOL_FOLDERS, ...more]) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      if (statSync(path).isFile()) return path;
    } catch {
      // not here
    }
  }
  return null;
}

export interface ToolOptions {
  /** Its stdin; left out: none. */
  readonly input?: string;
  /** After it the tool and all of its process group are killed; 30 s. */
  readonly timeoutMs?: number;
  /** Besides PATH and LC_ALL, which are all that a tool has. */
  readonly environment?: Readonly<Record<string, string>>;
}

export type RunTool = (
  argv: readonly [string, ...string[]],
  options?: ToolOptions,
) => Promise<ToolResult>;

/**
 * Runs a tool to its end, in a session of its own, so that the terminal's signals do not break off
 * what it does. Never rejects: what went wrong is in `fault`. Output beyond 256 KiB is left out of
 * its middle.
 */
export const runTool: RunTool = (argv, options = {}) => {
  const { promise, resolve } = Promise.withResolvers<ToolResult>();
  const [file, ...args] = argv;
  const timeoutMs = options.timeoutMs ?? TOOL_MS;
  const stdout = new CapturedOutput(TOOL_OUTPUT_BYTES);
  const stderr = new CapturedOutput(TOOL_OUTPUT_BYTES);
  let seenBytes = 0;
  let tooLong = false;
  const end = (exitCode: number | null, how: string) => {
    const [out, err] = [stdout.result().text, stderr.result().text];
    const fault = exitCode === 0 ? '' : (tooLong ? '' : oneLine(err || out)) || how;
    resolve({ exitCode, stdout: out, stderr: err, fault });
  };
  const take = (output: CapturedOutput) => (bytes: Buffer) => {
    seenBytes += bytes.length;
    output.push(bytes);
  };
  const child = spawn(file, args, {
    cwd: '/',
    env: { ...TOOL_ENVIRONMENT, ...options.environment },
    detached: true,
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  const closed = new Promise((resolveClosed) => child.once('close', resolveClosed));
  const timer = setTimeout(() => {
    tooLong = true;
    if (child.pid !== undefined) sendSignal(-child.pid, 'SIGKILL');
  }, timeoutMs);
  child.stdin?.on('error', () => {}); // it ended without reading; its exit code tells
  child.stdin?.end(options.input);
  child.stdout?.on('data', take(stdout));
  child.stderr?.on('data', take(stderr));
  child.once('error', (error) => {
    clearTimeout(timer);
    end(null, messageOf(error));
  });
  child.once('exit', async (code, signal) => {
    clearTimeout(timer);
    await endOutput(child, closed, () => seenBytes);
    if (tooLong) end(null, `${file} took longer than ${formatDuration(timeoutMs)}`);
    else
      end(code, signal === null ? `${file} ended with ${code}` : `${file} was ended by ${signal}`);
  });
  return promise;
};

const LONGEST_FAULT = 300;

/** The last line that says something: tools put their reason there. */
function oneLine(output: string): string {
  return output.trim().split('\n').at(-1)?.trim().slice(0, LONGEST_FAULT) ?? '';
}
