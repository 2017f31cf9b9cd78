/**
 * Builds Windrow as one file that needs no Node.js: `npm run build:executable -- [options]`.
 *
 *   --platform linux-x64   repeatable; all that can be built if not given
 *   --output DIR           build/executable if not given
 *   --level N              of zstd, 1 to 22; 19 if not given. 0: leave out the compressed forms
 *   --as VERSION           call it this version instead of the package's
 *
 * Node.js for other platforms than this machine's comes from npm. DIR/executables.json describes
 * what was built; src/pilots/executables.ts reads it.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { constants, createGzip, createZstdCompress } from 'node:zlib';
import { build } from 'esbuild';

const root = resolve(import.meta.dirname, '..');
/** EX_TEMPFAIL of sysexits.h. */
const NODE_MISSING_EXIT = 75;

class NodeMissing extends Error {}

interface Toolchain {
  readonly compiler: string;
  readonly strip: string;
}

// darwin-arm64 is missing: npm carries no Node.js 26 for it, and its executables must be signed.
const TOOLCHAINS: Readonly<Record<string, Toolchain>> = {
  'linux-x64': { compiler: 'x86_64-linux-gnu-gcc', strip: 'x86_64-linux-gnu-strip' },
  'linux-arm64': { compiler: 'aarch64-linux-gnu-gcc', strip: 'aarch64-linux-gnu-strip' },
};

const { values: options } = parseArgs({
  options: {
    platform: { type: 'string', multiple: true, default: Object.keys(TOOLCHAINS) },
    output: { type: 'string', default: join(root, 'build', 'executable') },
    level: { type: 'string', default: '19' },
    as: { type: 'string' },
  },
});
const output = resolve(options.output);
const level = Number(options.level);
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const version: string = options.as ?? manifest.version;

function script(name: string, ...args: string[]): void {
  const stdio = ['ignore', 'inherit', 'inherit'] as const;
  execFileSync(process.execPath, [join(root, 'scripts', name), ...args], { stdio: [...stdio] });
}

/** Node.js of this very version for `platform`: the blob inside must be made by the same. */
function nodeFor(platform: string, work: string): string {
  if (platform === `${process.platform}-${process.arch}`) return process.execPath;
  const name = `node-${platform}-${process.versions.node}`;
  const kept = join(root, 'build', 'node', name);
  if (!existsSync(kept)) {
    mkdirSync(join(root, 'build', 'node'), { recursive: true });
    const spec = `node-${platform}@${process.versions.node}`;
    try {
      execFileSync('npm', ['pack', '--silent', '--pack-destination', work, spec], { cwd: work });
    } catch {
      throw new NodeMissing(`npm has no ${spec}, or cannot be reached`);
    }
    const file = readdirSync(work).find((found) => found.endsWith('.tgz'))!;
    execFileSync('tar', ['-xzf', join(work, file), '-C', work, 'package/bin/node']);
    renameSync(join(work, 'package/bin/node'), kept);
  }
  return kept;
}

interface Carried {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly mode: number;
}

/** The bundle with the platform's own launcher, in the shape that src/bin/unpack.ts reads. */
function contentsOf(folder: string): { readonly id: string; readonly files: readonly Carried[] } {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      const content = readFileSync(path);
      const mode = entry.name === 'launcher' ? 0o700 : 0o600;
      return {
        path: path.slice(folder.length + 1),
        bytes: content.length,
        sha256: sha256(content),
        mode,
      };
    })
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  return { id: sha256(Buffer.from(JSON.stringify(files))).slice(0, 32), files };
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Leaves the executable in `made`. */
function buildFor(platform: string, main: string, parts: string, work: string): void {
  const tools = TOOLCHAINS[platform];
  if (!tools) throw new Error(`no executable can be built for ${platform}`);
  const node = join(work, 'node');
  copyFileSync(nodeFor(platform, work), node);
  execFileSync(tools.strip, [node]);
  const launcher = join(parts, 'launcher');
  rmSync(launcher, { force: true });
  script('build-launcher.mjs', launcher, tools.compiler);
  if (!existsSync(launcher)) throw new Error(`${tools.compiler} is missing`);
  const contents = contentsOf(parts);
  writeFileSync(join(work, 'contents.json'), JSON.stringify(contents));
  const assets = contents.files.map(({ path }) => [path, join(parts, path)]);
  const config = {
    main,
    executable: node,
    output: join(work, 'windrow'),
    disableExperimentalSEAWarning: true,
    // Node.js' options are for programs in Node.js; a user of Windrow need not know that it is one.
    execArgvExtension: 'none',
    // As `commandOf` has it.
    execArgv: ['--min-semi-space-size=8'],
    assets: { ...Object.fromEntries(assets), 'contents.json': join(work, 'contents.json') },
  };
  writeFileSync(join(work, 'sea.json'), JSON.stringify(config));
  execFileSync(process.execPath, ['--build-sea', join(work, 'sea.json')]);
  chmodSync(config.output, 0o755);
  renameSync(config.output, join(made, `windrow-${platform}`));
}

const COMPRESSORS = {
  zstd: {
    ending: '.zst',
    open: () => createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: level } }),
  },
  gzip: { ending: '.gz', open: () => createGzip({ level: Math.min(level, 9) }) },
};

/** The executable in executables.json, with its compressed forms beside it. */
async function describe(platform: string): Promise<object> {
  const file = `windrow-${platform}`;
  const path = join(made, file);
  const forms = [{ encoding: 'identity', file }];
  for (const [encoding, { ending, open }] of level > 0 ? Object.entries(COMPRESSORS) : []) {
    await pipeline(createReadStream(path), open(), createWriteStream(path + ending));
    forms.push({ encoding, file: file + ending });
  }
  return { platform, sha256: sha256(readFileSync(path)), bytes: statSync(path).size, forms };
}

/**
 * Nothing that was there is touched before everything is built; then no description stands beside
 * files that it does not describe, whenever this is ended.
 */
function publish(description: string): void {
  const described = join(output, 'executables.json');
  rmSync(described, { force: true });
  for (const file of readdirSync(made)) renameSync(join(made, file), join(output, file));
  renameSync(description, described);
}

mkdirSync(output, { recursive: true });
const work = mkdtempSync(join(output, '.work-'));
const made = join(work, 'made');
try {
  mkdirSync(made);
  const parts = join(work, 'parts');
  const main = join(work, 'executable.cjs');
  script('build-bundle.mjs', parts);
  writeFileSync(join(parts, 'package.json'), JSON.stringify({ ...manifest, version }));
  await build({
    entryPoints: [join(root, 'src', 'bin', 'executable.ts')],
    outfile: main,
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node26',
    logLevel: 'warning',
    // Files beside it are found by what is unpacked; this one reads assets alone.
    logOverride: { 'empty-import-meta': 'silent' },
  });
  const executables = [];
  for (const platform of options.platform) {
    const folder = mkdtempSync(join(work, `${platform}-`));
    buildFor(platform, main, parts, folder);
    executables.push(await describe(platform));
  }
  const description = join(work, 'executables.json');
  writeFileSync(description, `${JSON.stringify({ version, executables }, null, 2)}\n`);
  publish(description);
  for (const platform of options.platform) {
    console.log(`windrow ${version} for ${platform}: ${join(output, `windrow-${platform}`)}`);
  }
} catch (error) {
  if (!(error instanceof NodeMissing)) throw error;
  console.error(error.message);
  process.exitCode = NODE_MISSING_EXIT;
} finally {
  rmSync(work, { recursive: true, force: true });
}
