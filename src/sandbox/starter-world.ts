/** What the tests of this room say about the world, in few words. Loaded by tests only. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { ProgramEnd, RunningProgram, Starter, StartFailure, StartRequest } from './port.ts';
import { readProcess } from './process-table.ts';

export const PATH = '/usr/local/bin:/usr/bin:/bin';

/** A folder that goes away with the test. */
export function temporaryFolder(test: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'windrow-test-'));
  test.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes an executable file and returns its path. */
export function writeScript(folder: string, name: string, text: string, mode = 0o755): string {
  const path = join(folder, name);
  writeFileSync(path, text, { mode });
  return path;
}

export interface Started {
  readonly program: RunningProgram;
  readonly ended: Promise<ProgramEnd | StartFailure>;
  readonly stdout: () => Buffer;
  readonly stderr: () => Buffer;
  /** Resolves when stdout matches. */
  seen(pattern: RegExp): Promise<RegExpMatchArray>;
}

/** Starts `file` with `argv` (its name put in front); `sh` is the usual file. */
export function start(
  starter: Starter,
  file: string,
  args: readonly string[],
  more: Partial<StartRequest> = {},
): Started {
  const output = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  const program = starter.start({
    file,
    argv: [file, ...args],
    environment: { PATH },
    directory: '/',
    stdin: null,
    timeoutMs: 0,
    killGraceMs: 1000,
    onOutput: (stream, bytes) => output[stream].push(bytes),
    ...more,
  });
  const stdout = () => Buffer.concat(output.stdout);
  return {
    program,
    ended: program.ended,
    stdout,
    stderr: () => Buffer.concat(output.stderr),
    seen: (pattern) => until(() => stdout().toString().match(pattern)),
  };
}

/** Runs a shell command to its end. */
export async function sh(
  starter: Starter,
  command: string,
  more: Partial<StartRequest> = {},
): Promise<{ end: ProgramEnd; stdout: string; stderr: string }> {
  const started = start(starter, '/bin/sh', ['-c', command], more);
  const end = await started.ended;
  if ('failed' in end) throw new Error(end.message);
  return { end, stdout: started.stdout().toString(), stderr: started.stderr().toString() };
}

/** Polls until `look` gives something truthy; fails after a minute. */
export async function until<T>(look: () => T): Promise<NonNullable<T>> {
  const deadlineMs = performance.now() + 60_000;
  for (;;) {
    const found = look();
    if (found) return found as NonNullable<T>;
    if (performance.now() > deadlineMs) throw new Error(`never became true: ${look}`);
    await pause(5);
  }
}

/** A zombie whose parent does not reap it is dead all the same. */
export function isAlive(pid: number): boolean {
  const row = readProcess(pid);
  return row !== null && row.state !== 'Z' && row.state !== 'X';
}

/** What this process was itself started with; Node.js opens its own with close-on-exec. */
export function inheritedDescriptors(): number[] {
  return readdirSync('/proc/self/fdinfo')
    .map(Number)
    .filter((number) => number > 2)
    .filter((number) => {
      try {
        const flags = /flags:\s*(\d+)/.exec(
          readFileSync(`/proc/self/fdinfo/${number}`, 'utf8'),
        )![1]!;
        return (Number.parseInt(flags, 8) & 0o2000000) === 0;
      } catch {
        return false;
      }
    });
}
