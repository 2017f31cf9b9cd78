/** Running the system's own tools (bwrap, nft, ip, …): short, bounded, never through a shell. */
import { spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '#base';
import { CapturedOutput } from './captured-output.ts';

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

/**
 * Runs a tool to its end, at most 30 s. Never rejects: what went wrong is in `fault`. Output beyond
 * 256 KiB is left out of its middle.
 */
export function runTool(
  argv: readonly [string, ...string[]],
  options: { readonly input?: string; readonly timeoutMs?: number } = {},
): Promise<ToolResult> {
  const { promise, resolve } = Promise.withResolvers<ToolResult>();
  const [file, ...args] = argv;
  const stdout = new CapturedOutput(TOOL_OUTPUT_BYTES);
  const stderr = new CapturedOutput(TOOL_OUTPUT_BYTES);
  const end = (exitCode: number | null, how: string) => {
    const [out, err] = [stdout.result().text, stderr.result().text];
    const fault = exitCode === 0 ? '' : oneLine(err || out) || how;
    resolve({ exitCode, stdout: out, stderr: err, fault });
  };
  const child = spawn(file, args, {
    cwd: '/',
    env: TOOL_ENVIRONMENT,
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    timeout: options.timeoutMs ?? TOOL_MS,
    killSignal: 'SIGKILL',
  });
  child.stdin?.on('error', () => {}); // it ended without reading; its exit code tells
  child.stdin?.end(options.input);
  child.stdout?.on('data', (bytes: Buffer) => stdout.push(bytes));
  child.stderr?.on('data', (bytes: Buffer) => stderr.push(bytes));
  child.once('error', (error) => end(null, messageOf(error)));
  child.once('close', (code, signal) => {
    end(code, signal === null ? `${file} ended with ${code}` : `${file} was ended by ${signal}`);
  });
  return promise;
}

const LONGEST_FAULT = 300;

/** The last line that says something: tools put their reason there. */
function oneLine(output: string): string {
  return output.trim().split('\n').at(-1)?.trim().slice(0, LONGEST_FAULT) ?? '';
}
