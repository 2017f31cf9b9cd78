// Compiles launcher/*.c into build/launcher at install time. Without a C compiler nothing is
// built and Windrow starts programs with Node's own spawn, more slowly (docs/guide/launcher.md).
// For executables: `build-launcher.mjs TARGET COMPILER`.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const folder = join(root, 'launcher');
const files = readdirSync(folder).map((name) => join(folder, name));
const sources = files.filter((file) => file.endsWith('.c'));
const [target = join(root, 'build', 'launcher'), compiler = 'cc'] = process.argv.slice(2);

const upToDate =
  existsSync(target) && files.every((file) => statSync(target).mtimeMs > statSync(file).mtimeMs);
if (process.platform === 'linux' && !upToDate) {
  mkdirSync(dirname(target), { recursive: true });
  const partial = `${target}.${process.pid}`;
  const flags = ['-O2', '-std=gnu11', '-Wall', '-Wextra', '-o', partial, ...sources];
  // Static, it also runs in roots that have another C library, or none; not every system has one.
  const isStatic = spawnSync(compiler, ['-static', ...flags], { stdio: 'ignore' }).status === 0;
  const result = isStatic
    ? { status: 0 }
    : spawnSync(compiler, flags, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (result.error)
    console.warn(`windrow: no C compiler (${compiler}); programs will be started by Node.js`);
  else if (result.status !== 0) process.exit(result.status ?? 1);
  else renameSync(partial, target);
}
