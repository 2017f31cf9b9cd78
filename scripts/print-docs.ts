/**
 * Prints the reference under docs/reference/ from the data that the program itself uses, and the
 * table of rooms into ARCHITECTURE.md. `--write` writes what changed; `--check` (the default) exits
 * 1 naming what is out of date.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { apiPage } from './docs/api-page.ts';
import { commandsPage } from './docs/commands-page.ts';
import { errorsPage } from './docs/errors-page.ts';
import { withRooms } from './docs/rooms-table.ts';
import { settingsPage } from './docs/settings-page.ts';

const root = resolve(import.meta.dirname, '..');
const reference = join(root, 'docs', 'reference');
const architecture = join(root, 'ARCHITECTURE.md');

async function pages(): Promise<Map<string, string>> {
  const all = new Map<string, string>([
    [join(reference, 'commands.md'), commandsPage()],
    [join(reference, 'settings.md'), settingsPage()],
    [join(reference, 'errors.md'), await errorsPage()],
    [join(reference, 'api.md'), apiPage()],
  ]);
  const prose = textOf(architecture);
  if (prose !== null) all.set(architecture, withRooms(prose));
  return all;
}

function textOf(path: string): string | null {
  return existsSync(path) ? readFileSync(path, 'utf8') : null;
}

const stale = [...(await pages())].filter(([path, text]) => textOf(path) !== text);
const names = stale.map(([path]) => relative(root, path));
if (process.argv.includes('--write')) {
  for (const [path, text] of stale) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  console.log(names.length > 0 ? `written: ${names.join(', ')}` : 'everything is up to date');
} else if (stale.length > 0) {
  console.log(`out of date: ${names.join(', ')}; run: npm run docs`);
  process.exitCode = 1;
}
