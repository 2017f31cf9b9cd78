/** Windrow's executables, built from these sources once for all tests that ask. */
import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { HOME } from './installed-program.ts';

// Built by whoever comes first; those who come meanwhile wait for the lock, and find it done.
const BUILD = `
  cd "$1"
  done=$2/executables.json
  if [ ! -e "$done" ] || [ -n "$(find src launcher scripts package.json -newer "$done" -print -quit)" ]
  then exec "$3" scripts/build-executable.ts --level 0 --output "$2" --platform "$4" --as "$5"
  fi`;

/** Its Node.js comes from npm, which may be out of reach. */
export class NoNodeForPlatform extends Error {}

const NO_NODE_EXIT = 75;

/** Path of the executable; its folder has executables.json too. Takes seconds, once. */
export async function builtExecutable(platform: string, version = '0.1.0'): Promise<string> {
  const folder = join(HOME, 'build', 'test-executable', version, platform);
  mkdirSync(folder, { recursive: true });
  const build = ['sh', '-ec', BUILD, 'sh', HOME, folder, process.execPath, platform, version];
  try {
    await promisify(execFile)('flock', [join(folder, 'lock'), ...build]);
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    if (code === NO_NODE_EXIT) throw new NoNodeForPlatform(stderr);
    throw error;
  }
  return join(folder, `windrow-${platform}`);
}
