/** A submit description becomes planned sweeps, one for each job that it makes. */
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { formatDuration, loginName, systemClock } from '#base';
import type { PlannedSweep, World } from '#cli';
import { runToEnd } from '#sandbox';
import { jobKey, readSubmitFile } from '#sweep';
import { PLATFORM } from './executables.ts';

const COMMAND_MS = 60_000;
const COMMAND_BYTES = 64 * 2 ** 20;

/**
 * `salt`: other numbers of $RANDOM_… for another one.
 * @throws every problem at once, with file and line
 */
export async function planDescription(
  file: string,
  { surroundings }: World,
  salt: string,
): Promise<readonly PlannedSweep[]> {
  const { directory, environment } = surroundings;
  const plans = await readSubmitFile(file, {
    cwd: directory,
    platform: PLATFORM,
    searchPath: environment.PATH ?? '',
    environment,
    now: () => systemClock.now(),
    salt,
    runCommand: (line, at) => runCommand(line, at, environment),
  });
  return plans.map(({ spec: planned, tables, blobs, warnings }) => {
    const output = join(
      stateOf(directory, file),
      'descriptions',
      planned.name.replaceAll('/', '_'),
    );
    const spec = { ...planned, output, owner: loginName() };
    const { key, parts } = jobKey(spec);
    return { spec, tables, blobs, key, keyParts: parts, warnings };
  });
}

/** Where `windrow run` keeps its state: beside the description. */
export function stateOf(cwd: string, file: string): string {
  return join(dirname(resolve(cwd, file)), '.windrow');
}

/** What a command of the user's prints, by his own shell and environment; with its whole tree it ends. */
async function runCommand(
  line: string,
  directory: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'windrow-command-'));
  const output = join(folder, 'output');
  const known = Object.entries(environment).filter(([, value]) => value !== undefined);
  try {
    const end = await runToEnd(['/bin/sh', '-c', `exec >"$0"\n${line}`, output], {
      directory,
      environment: Object.fromEntries(known) as Record<string, string>,
      lifetimeMs: COMMAND_MS,
    });
    if (end.how === 'timed-out')
      throw new Error(`${line} took longer than ${formatDuration(COMMAND_MS)}`);
    if (end.how !== 'exited' || end.exitCode !== 0)
      throw new Error(`${line} failed: ${reasonOf(end)}`);
    return await readBounded(output, line);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function reasonOf({
  exitCode,
  signal,
  stderr,
}: {
  exitCode: number | null;
  signal: string | null;
  stderr: string;
}): string {
  const words = stderr.trim().split('\n').at(-1)?.slice(0, 200) ?? '';
  return words !== '' ? words : signal !== null ? `ended by ${signal}` : `status ${exitCode}`;
}

async function readBounded(path: string, line: string): Promise<string> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    if (size > COMMAND_BYTES) throw new Error(`${line} printed more than 64 MiB`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}
