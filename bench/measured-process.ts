/** One process with all that it starts, measured from outside. */
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';

export interface Measured {
  readonly wallMs: number;
  /** User and system time of the process and every descendant that was waited for. */
  readonly cpuMs: number;
  readonly stdout: string;
}

export const WINDROW = resolve(import.meta.dirname, '..', 'bin', 'windrow');

/** Runs `argv` to its end; `input` becomes its standard input. Rejects unless it succeeds. */
export function measure(argv: readonly string[], input = ''): Promise<Measured> {
  // The shell's `time` is the only portable way to ask for the children's CPU time.
  const script = 'TIMEFORMAT="%R %U %S"; time "$@" 2>/dev/null';
  return new Promise((done, fail) => {
    const child = spawn('bash', ['-c', script, 'bash', ...argv], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let stdout = '';
    let times = '';
    child.stdout.on('data', (bytes: Buffer) => {
      stdout += bytes;
    });
    child.stderr.on('data', (bytes: Buffer) => {
      times += bytes;
    });
    child.stdin.on('error', () => undefined); // not every program reads it
    child.stdin.end(input);
    child.on('error', fail);
    child.on('close', (status) => {
      if (status !== 0) return fail(new Error(`${argv[0]} ended with ${status}: ${times}`));
      const [wall, user, system] = times.trim().split(/\s+/).map(Number);
      done({ wallMs: wall! * 1000, cpuMs: (user! + system!) * 1000, stdout });
    });
  });
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}
