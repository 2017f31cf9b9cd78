// Packs src/ with its packages into build/bundle/, or the folder that the command line names. It
// starts faster than 300 files whose types are stripped; bin/windrow takes it while no source is newer.
// With --check it is only seen that it can be made.
//
// What the sources reach not by import but as a file, they name `new URL('./…', import.meta.url)`.
// By that form it is found here, and it lies beside the bundle: a script as an entry of its own,
// everything else as a copy.
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pastDoors } from './past-doors.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const FILE_URL = /new URL\('(\.[^']+)', import\.meta\.url\)/g;
const TARGET = 'node26';
/** What starts sources, and what starts the bundle in its place. */
const SOURCES_START = join(root, 'src/bin/windrow.js');
const BUNDLE_START = join(root, 'src/bin/bundled.ts');

const isScript = (path) => /\.[jt]s$/.test(path);
const bundledName = (path) => basename(path).replace(/\.[jt]s$/, '.cjs');

/** Rewrites the URLs of files to what the bundle calls them, and notes the files in `named`. */
function fileUrls(named) {
  return {
    name: 'file-urls',
    setup({ onLoad }) {
      onLoad({ filter: /\/src\/.*\.[jt]s$/ }, ({ path }) => {
        const contents = readFileSync(path, 'utf8').replace(FILE_URL, (_all, target) => {
          const file = resolve(dirname(path), target);
          const name = bundledName(file);
          if ((named.get(name) ?? file) !== file) {
            throw new Error(`${named.get(name)} and ${file} cannot both be ${name} in the bundle`);
          }
          named.set(name, file);
          return `new URL('./${name}', import.meta.url)`;
        });
        return { contents: pastDoors(contents), loader: path.endsWith('.ts') ? 'ts' : 'js' };
      });
    },
  };
}

/**
 * What the sources use of undici, without its fetch, WebSockets, caches and mocks, which its index
 * loads and which take half the time of a worker's start. Asking for more is an error when bundling.
 */
const UNDICI = `
  import request from 'undici/lib/api/api-request.js';
  import Dispatcher from 'undici/lib/dispatcher/dispatcher.js';
  Dispatcher.prototype.request = request;
  export { default as Agent } from 'undici/lib/dispatcher/agent.js';
  export { default as ProxyAgent } from 'undici/lib/dispatcher/proxy-agent.js';
  export { default as buildConnector } from 'undici/lib/core/connect.js';
  export { default as errors } from 'undici/lib/core/errors.js';
  export { default as Pool } from 'undici/lib/dispatcher/pool.js';
`;
const smallUndici = {
  name: 'small-undici',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^undici$/ }, () => ({ path: 'undici', namespace: 'small' }));
    onLoad({ filter: /.*/, namespace: 'small' }, () => ({ contents: UNDICI, resolveDir: root }));
  },
};

/**
 * Without Fastify's compilers of schemas, which are a third of the server's part: none of Windrow's routes
 * has one.
 */
const UNUSED = /^@fastify\/(ajv|fast-json-stringify)-compiler$/;
const smallFastify = {
  name: 'small-fastify',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: UNUSED }, ({ path }) => ({ path, namespace: 'unused' }));
    onLoad({ filter: /.*/, namespace: 'unused' }, ({ path }) => ({
      contents: `module.exports = () => { throw new Error('${path} is not bundled'); };`,
    }));
  },
};

/** Entries that turn up while bundling are bundled in another round: they share parts. */
async function bundle() {
  const named = new Map([
    ['windrow.cjs', SOURCES_START],
    ['process.cjs', join(root, 'src/bin/process.ts')],
  ]);
  for (;;) {
    const scripts = [...named.values()].filter(isScript);
    const { outputFiles } = await build({
      absWorkingDir: root,
      entryPoints: scripts.map((file) => ({
        in: relative(root, file === SOURCES_START ? BUNDLE_START : file),
        out: basename(bundledName(file), '.cjs'),
      })),
      chunkNames: 'part-[hash]',
      outExtension: { '.js': '.cjs' },
      outdir: target,
      write: false,
      bundle: true,
      splitting: true,
      format: 'esm',
      platform: 'node',
      target: TARGET,
      legalComments: 'none',
      logLevel: 'warning',
      // package.json says that no module is imported for its effects alone.
      logOverride: { 'ignored-bare-import': 'error' },
      plugins: [fileUrls(named), smallUndici, smallFastify],
    });
    if ([...named.values()].filter(isScript).length === scripts.length) {
      return { named, outputFiles };
    }
  }
}

/**
 * What speaks TLS is loaded when it is first used, also where a package asks for it at its top:
 * with node:tls a thread reads every authority that Node.js knows, 20 ms of CPU in each process. Not
 * where all of a module is copied (`__toESM`), which is its use.
 */
const WHEN_USED = /(?<!__toESM\()(?:\brequire|\(0, \w+\.__require\))\("node:(https|http2|tls)"\)/g;
const WHEN_USED_HELPER = `const whenUsed = (id) => new Proxy({}, new Proxy({}, {
  get: (_traps, trap) => (_target, ...rest) => Reflect[trap](require(id), ...rest),
}));`.replaceAll('\n', '');

/**
 * Only modules of ESM can be split, but Node.js loads CommonJS faster: measured on 2 cores, the
 * first program of a sweep runs 40 ms sooner. Parts that were imported when needed still are.
 */
async function toCommonJs({ path, text }, id) {
  const part = text.replace(
    /\bimport\("(\.\/[^"]+)"\)/g,
    'Promise.resolve().then(() => require("$1"))',
  );
  const { code } = await transform(part, {
    format: 'cjs',
    platform: 'node',
    target: TARGET,
    minifySyntax: true,
    define: {
      'import.meta.url': 'partUrl',
      'import.meta.dirname': '__dirname',
      BUNDLE_ID: JSON.stringify(id),
    },
    banner: part.includes('import.meta.url')
      ? 'const partUrl = require("node:url").pathToFileURL(__filename).href;'
      : '',
  });
  const lazy = code.replace(WHEN_USED, 'whenUsed("node:$1")');
  return { name: basename(path), code: lazy === code ? code : `${WHEN_USED_HELPER}\n${lazy}` };
}

/** By this the code that is kept of one bundle is never taken for another's. */
function digestOf(outputFiles) {
  const digest = createHash('sha256');
  for (const { path, text } of outputFiles)
    digest.update(`${basename(path)} ${text.length}\n${text}`);
  return digest.digest('hex').slice(0, 24);
}

/** `folder` appears whole. */
function write(folder, parts, named) {
  const partial = `${folder}.${process.pid}`;
  mkdirSync(partial, { recursive: true });
  for (const { name, code } of parts) writeFileSync(join(partial, name), code);
  for (const [name, file] of named) {
    // There is no launcher where there was no compiler.
    if (!isScript(file) && existsSync(file)) cpSync(file, join(partial, name), { recursive: true });
  }
  rmSync(folder, { recursive: true, force: true });
  renameSync(partial, folder);
}

/** Its program for this platform is an optional package: installation goes on without. */
async function importEsbuild() {
  try {
    const esbuild = await import('esbuild');
    await esbuild.transform('');
    return esbuild;
  } catch (error) {
    console.warn(`windrow: it is not bundled and will start more slowly: ${error.message}`);
    process.exit(process.argv[2] ? 1 : 0);
  }
}

const { build, transform } = await importEsbuild();
const { buildPage } = await import('./build-page.mjs');
const isCheck = process.argv[2] === '--check';
// The bundle takes a copy of it.
if (!isCheck) await buildPage();
const target = resolve((!isCheck && process.argv[2]) || join(root, 'build', 'bundle'));
const { named, outputFiles } = await bundle();
const id = digestOf(outputFiles);
const parts = await Promise.all(outputFiles.map((file) => toCommonJs(file, id)));
if (!isCheck) write(target, parts, named);
