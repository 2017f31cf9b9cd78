/** Reads a submit description from where it lies: the files, folders and commands that it names. */
import { createHash } from 'node:crypto';
import { glob, open, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { systemReasonOf } from '#base';
import { submitErrors } from '../errors.ts';
import type { SweepSurroundings } from '../file/sweep-file.ts';
import type { SweepPlan } from '../plan/draft.ts';
import { planSubmit } from './plan-submit.ts';
import type { SubmitWorld } from './read-submit.ts';
import { seededRandom } from './seeded-random.ts';

const MOST_BYTES = 64 * 2 ** 20;
const MOST_MATCHES = 1_000_000;
const STDIN = '-';
const ENDINGS = /\.(sub|submit|jdl|jds|condor)$/i;

export interface SubmitFileSurroundings extends SweepSurroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly now: () => number;
  /** Mixed into what $RANDOM_… give; the same text gives the same jobs for the same salt. */
  readonly salt: string;
  /** What a shell command prints; rejects with a sentence. Relative paths start at `directory`. */
  readonly runCommand: (line: string, directory: string) => Promise<string>;
}

/** Whether a file is a submit description: by its ending, else by a line that queues; `-` is one. */
export async function isSubmitFile(path: string, cwd: string): Promise<boolean> {
  if (/\.toml$/i.test(path)) return false;
  if (path === STDIN || ENDINGS.test(path)) return true;
  const text = await readText(resolve(cwd, path)).catch(() => '');
  return /^[ \t]*queue\b(?![ \t]*=)/im.test(text);
}

/** @param path `-`: standard input. @throws every problem at once, with file and line */
export async function readSubmitFile(
  path: string,
  surroundings: SubmitFileSurroundings,
): Promise<readonly SweepPlan[]> {
  const { cwd, platform, searchPath, salt } = surroundings;
  const isStdin = path === STDIN;
  const full = isStdin ? '/dev/stdin' : resolve(cwd, path);
  const text = await readText(full).catch((error: unknown) => {
    throw submitErrors.create('SUBMIT_UNREADABLE', { file: path, found: systemReasonOf(error) });
  });
  const base = isStdin ? resolve(cwd) : dirname(full);
  const seed = createHash('sha256').update(`${salt}\0${text}`).digest();
  const world = worldOf(full, base, seededRandom(seed), surroundings);
  return await planSubmit(text, isStdin ? 'stdin' : path, { base, platform, searchPath, world });
}

function worldOf(
  file: string,
  base: string,
  random: () => number,
  { environment, now, platform, runCommand }: SubmitFileSurroundings,
): SubmitWorld {
  return {
    environment,
    random,
    automatic: { ...automaticOf(platform, now()), submit_file: file, submit_dir: base },
    readText: (path) =>
      readText(path === '-' ? '/dev/stdin' : resolve(base, path)).catch((error: unknown) => {
        throw new Error(`${path}: ${systemReasonOf(error)}`);
      }),
    runCommand: (line) => runCommand(line, base),
    glob: (pattern, kind) => matchesOf(base, pattern, kind),
  };
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'X86_64', arm64: 'aarch64' };

function automaticOf(platform: string, nowMs: number): Record<string, string> {
  const [os = '', arch = ''] = platform.split('-');
  const date = new Date(nowMs);
  const two = (value: number) => String(value).padStart(2, '0');
  return {
    submit_time: String(Math.floor(nowMs / 1000)),
    year: String(date.getFullYear()),
    month: two(date.getMonth() + 1),
    day: two(date.getDate()),
    arch: ARCHITECTURES[arch] ?? arch.toUpperCase(),
    opsys: os.toUpperCase(),
    islinux: String(os === 'linux'),
    iswindows: String(os === 'win32'),
    node: '0',
  };
}

async function matchesOf(
  base: string,
  pattern: string,
  kind: 'files' | 'dirs' | 'any',
): Promise<string[]> {
  const found: string[] = [];
  for await (const name of glob(pattern, { cwd: base })) {
    if (found.length >= MOST_MATCHES) throw new Error(`${pattern} matches too many files`);
    const isFolder = (await stat(join(base, name)).catch(() => null))?.isDirectory();
    if (kind === 'any' || (kind === 'dirs') === (isFolder === true)) found.push(name);
  }
  return found.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** At most one byte more than is allowed, also from a pipe. */
async function readText(path: string): Promise<string> {
  const file = await open(path);
  try {
    const pieces: Buffer[] = [];
    const stream = file.createReadStream({ end: MOST_BYTES, autoClose: false });
    for await (const piece of stream) pieces.push(piece as Buffer);
    const bytes = Buffer.concat(pieces);
    if (bytes.length > MOST_BYTES) throw new Error('more than 64 MiB');
    return bytes.toString('utf8');
  } finally {
    await file.close();
  }
}
