// Packs the web page, src/dashboard/page/, into build/page/ or the folder that the command line names:
// one script and one sheet, whose names hold the digest of what is in them, and the page that names
// them. With --check it is only seen that it can be made.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { pastDoors } from './past-doors.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const folder = join(root, 'src', 'dashboard', 'page');

/** A name that the page uses of a room is all that comes with it. */
const direct = {
  name: 'past-doors',
  setup({ onLoad }) {
    onLoad({ filter: /\/src\/.*\.tsx?$/ }, ({ path }) => ({
      contents: pastDoors(readFileSync(path, 'utf8')),
      loader: path.endsWith('x') ? 'tsx' : 'ts',
    }));
  },
};

/** The files by name, `index.html` among them. */
async function bundlePage() {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ['page.tsx', 'page.css'].map((name) => join(folder, name)),
    entryNames: '[name]-[hash]',
    outdir: join(root, 'build', 'page'),
    write: false,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    // The browsers of the last three years.
    target: ['chrome111', 'firefox113', 'safari16.4'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'inline',
    logLevel: 'warning',
    plugins: [direct],
  });
  const files = new Map(outputFiles.map(({ path, contents }) => [basename(path), contents]));
  const icon = readFileSync(join(folder, 'icon.svg'));
  const digest = createHash('sha256').update(icon).digest('hex').slice(0, 8).toUpperCase();
  files.set(`icon-${digest}.svg`, icon);
  const names = [...files.keys()];
  const index = readFileSync(join(folder, 'index.html'), 'utf8').replace(
    /\{\{(\w+)\.(\w+)\}\}/g,
    (_all, stem, ending) =>
      names.find((name) => name.startsWith(`${stem}-`) && name.endsWith(`.${ending}`)),
  );
  return files.set('index.html', Buffer.from(index));
}

/** `target` appears whole. */
export async function buildPage(target = join(root, 'build', 'page')) {
  const partial = `${target}.${process.pid}`;
  const files = await bundlePage();
  mkdirSync(partial, { recursive: true });
  for (const [name, bytes] of files) writeFileSync(join(partial, name), bytes);
  rmSync(target, { recursive: true, force: true });
  renameSync(partial, target);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [option] = process.argv.slice(2);
  if (option === '--check') await bundlePage();
  else await buildPage(option && resolve(option));
}
