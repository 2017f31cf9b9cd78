// Compiles launcher/*.c into build/launcher at install time. Without a C compiler nothing is
// built and Windrow starts programs with Node's own spawn, more slowly (docs/guide/launcher.md).
// For executables: `build-launcher.mjs TARGET COMPILER`.
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
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
  const flags = ['-O2', '-std=gnu11', '-Wall', '-Wextra'];
  const plain = [...flags, '-o', partial, ...sources];
  // Static, it also runs in roots that have another C library, or none; not every system has one.
  const isBuilt = buildFirst(flags, partial) || build(['-static', ...plain], 'ignore').status === 0;
  const result = isBuilt ? { status: 0 } : build(plain, 'inherit');
  if (result.error)
    console.warn(`windrow: no C compiler (${compiler}); programs will be started by Node.js`);
  else if (result.status !== 0) process.exit(result.status ?? 1);
  else renameSync(partial, target);
}

function build(args, stderr) {
  return spawnSync(compiler, args, { stdio: ['ignore', stderr, stderr] });
}

/** With the last stage before the C library (launcher/first.c); false where that cannot be built. */
function buildFirst(flags, to) {
  const machine = String(spawnSync(compiler, ['-dumpmachine']).stdout);
  if (!/^(x86_64|aarch64)-/.test(machine)) return false;
  // What runs then calls nothing of the library, not even what a compiler thinks of by itself.
  const bare = ['-ffreestanding', '-fno-stack-protector', '-fno-tree-loop-distribute-patterns'];
  const parts = sources.map((file) => ({ file, part: `${to}.${basename(file, '.c')}.o` }));
  const compile = ({ file, part }) => {
    const own = readFileSync(file, 'utf8').includes('#include "bare.h"') ? bare : [];
    const args = ['-c', '-DLAST_STAGE_FIRST', ...flags, ...own, '-o', part, file];
    return build(args, 'ignore').status === 0;
  };
  const link = ['-static', '-Wl,-e,begin', '-o', to, ...parts.map(({ part }) => part)];
  const isBuilt = parts.every(compile) && build(link, 'ignore').status === 0;
  for (const { part } of parts) rmSync(part, { force: true });
  return isBuilt;
}
