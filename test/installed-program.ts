/** Runs bin/windrow, or scripts that use it, as a user's shell would; nothing of it is simulated. */
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';

export const HOME = resolve(import.meta.dirname, '..');

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Installation {
  /** A folder that has bin/, src/ and node_modules/ of this checkout, and examples/ of its own. */
  readonly directory: string;
  /** Runs `argv` there until it ends. */
  run(...argv: string[]): Promise<Ended>;
  remove(): void;
}

/** An installation in a temporary directory, so that what examples write stays out of the tree. */
export function installForTest(): Installation {
  const directory = mkdtempSync(join(tmpdir(), 'windrow-installed-'));
  for (const part of ['bin', 'examples']) {
    const filter = (path: string) => !/\/results$|table\.csv$/.test(path);
    cpSync(join(HOME, part), join(directory, part), { recursive: true, filter });
  }
  for (const part of ['src', 'build', 'node_modules', 'package.json', 'launcher']) {
    symlinkSync(join(HOME, part), join(directory, part));
  }
  mkdirSync(join(directory, 'home'));
  return {
    directory,
    run: (...argv) => runToEnd(directory, argv),
    remove: () => rmSync(directory, { recursive: true }),
  };
}

/** The environment of a user with a home directory of their own and no settings. */
export function environmentIn(directory: string): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, HOME: join(directory, 'home'), LANG: 'C.UTF-8' };
}

async function runToEnd(directory: string, [file, ...args]: string[]): Promise<Ended> {
  const child = spawn(file!, args, {
    cwd: directory,
    env: environmentIn(directory),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { code, stdout, stderr };
}
