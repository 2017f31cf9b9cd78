/**
 * What the executable begins with. Node.js can load modules, start threads and run programs only
 * from files, so what it carries is unpacked first; then one of the scripts takes over.
 */
import { createRequire } from 'node:module';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { getAsset, getRawAsset } from 'node:sea';
import { bootId, PART_OPTION, type WindrowError } from '#base';
import { type Contents, keepFresh, unpack } from './unpack.ts';

const INTERNAL_EXIT = 70;

/** Where code may be kept, the best first. A home directory may be missing or not writable. */
function roots(): string[] {
  const own = join(tmpdir(), `windrow-${process.getuid?.()}`);
  try {
    const cacheHome = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
    return [join(cacheHome, 'windrow', 'parts'), own];
  } catch {
    return [own]; // a user whom the system does not know
  }
}

/** The script that the command line names, without its ending; the naming is not for the script. */
function takePart({ files }: Contents): string {
  const first = process.argv[2] ?? '';
  const part = first.startsWith(PART_OPTION) ? first.slice(PART_OPTION.length) : '';
  if (!files.some(({ path }) => path === `${part}.cjs`)) return 'windrow';
  process.argv.splice(2, 1);
  return part;
}

try {
  const contents = JSON.parse(getAsset('contents.json', 'utf8')) as Contents;
  const read = (path: string) => new Uint8Array(getRawAsset(path) as ArrayBuffer);
  const directory = unpack(contents, read, roots(), { nowMs: Date.now(), bootId: bootId() });
  keepFresh(directory);
  createRequire(join(directory, 'windrow.cjs'))(`./${takePart(contents)}.cjs`);
} catch (error) {
  const { message, todo } = error as Partial<WindrowError>;
  process.stderr.write(`windrow: ${message}\n${todo ? `  ${todo}\n` : ''}`);
  process.exitCode = INTERNAL_EXIT;
}
