/** `npm run check`: formatting and lint, types, import law, docs drift; all at once, seconds long. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const tool = (name: string) => join(root, 'node_modules', '.bin', name);

const checks: readonly (readonly [string, readonly string[]])[] = [
  ['types', [tool('tsc'), '-p', root]],
  ['types of the page', [tool('tsc'), '-p', join(root, 'src', 'dashboard', 'page')]],
  ['format and lint', [tool('biome'), 'check', '--error-on-warnings', root]],
  ['import law', [process.execPath, join(root, 'scripts', 'check-imports.ts')]],
  ['bundle', [process.execPath, join(root, 'scripts', 'build-bundle.mjs'), '--check']],
  ['page', [process.execPath, join(root, 'scripts', 'build-page.mjs'), '--check']],
  ['docs', [process.execPath, join(root, 'scripts', 'print-docs.ts'), '--check']],
];

function run(name: string, [file, ...args]: readonly string[]): Promise<boolean> {
  return new Promise((done) => {
    const child = spawn(file!, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    const output: Buffer[] = [];
    child.stdout.on('data', (bytes: Buffer) => output.push(bytes));
    child.stderr.on('data', (bytes: Buffer) => output.push(bytes));
    child.on('error', (error) => output.push(Buffer.from(`${error.message}\n`)));
    child.on('close', (status) => {
      console.log(`${status === 0 ? 'ok  ' : 'FAIL'} ${name}`);
      if (status !== 0) process.stdout.write(Buffer.concat(output));
      done(status === 0);
    });
  });
}

const passed = await Promise.all(
  checks.filter(([, argv]) => existsSync(argv[0]!)).map(([name, argv]) => run(name, argv)),
);
if (passed.includes(false)) process.exit(1);
