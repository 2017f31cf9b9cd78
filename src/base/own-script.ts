/**
 * Scripts of Windrow's own as processes. There are three forms of it, and this is all that has to
 * know: sources and bundle are run by Node.js; the executable is Node.js, and carries the bundle.
 */
import { basename } from 'node:path';
import { isSea } from 'node:sea';
import { fileURLToPath } from 'node:url';

/** As the executable's first argument: be this script of the bundle and not `windrow`. */
export const PART_OPTION = '--part=';

/**
 * What is new gets 8 MiB of each half of its space at once. It begins with one, grows when that was too
 * little, and what outlives its first collections is then marked and swept: a tenth of the CPU time
 * of a sweep of short tasks. `bin/windrow` and the executable have the same.
 */
const HEAP_OPTIONS = ['--min-semi-space-size=8'];

/**
 * The beginning of the command that runs `script` in a process of its own. To be called with
 * `new URL('./…', import.meta.url)`, by which bundling finds the file.
 */
export function commandOf(script: URL): string[] {
  const path = fileURLToPath(script);
  if (!isSea()) return [process.execPath, ...HEAP_OPTIONS, path];
  const part = basename(path, '.cjs');
  return part === 'windrow' ? [process.execPath] : [process.execPath, PART_OPTION + part];
}

/** File name of an executable where several may lie: another content has another name. */
export function executableName(of: {
  readonly version: string;
  readonly platform: string;
  readonly sha256: string;
}): string {
  return `windrow-${of.version}-${of.platform}-${of.sha256.slice(0, 12)}`;
}
