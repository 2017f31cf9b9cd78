/**
 * `npm run test:user [FILE …]`: tests as an ordinary user whom nothing on the machine belongs to, where root
 * calls it; as whoever calls it otherwise. Without files those of the walls, which root and others get by
 * different means.
 */
import { spawn } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** No account of the machine has this number. */
const USER = 54_329;
const root = resolve(import.meta.dirname, '..');
const files = process.argv.slice(2);
const wanted = files.length > 0 ? files : ['src/sandbox/**/*.test.ts'];

const isRoot = process.getuid?.() === 0;
const home = mkdtempSync(join(tmpdir(), 'windrow-user-'));
if (isRoot) chownSync(home, USER, USER);
const as = ['setpriv', '--reuid', `${USER}`, '--regid', `${USER}`, '--clear-groups'];
const test = [process.execPath, '--test', '--test-timeout=300000', ...wanted];
const [file, ...argv] = isRoot ? [...as, ...test] : test;
const child = spawn(file!, argv, {
  cwd: root,
  env: { PATH: process.env.PATH, HOME: home, LANG: 'C.UTF-8' },
  stdio: 'inherit',
});
child.on('error', (error) => {
  console.error(`${file} cannot be started: ${error.message}`);
  process.exitCode = 1;
});
child.on('close', (status) => {
  rmSync(home, { recursive: true, force: true });
  process.exitCode ??= status === 0 ? 0 : 1;
});
