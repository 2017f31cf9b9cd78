import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { build } from 'esbuild';
import { parseDescription } from './disk/description.ts';
import { entryName } from './disk/key.ts';
import { bytesOf, type Origin, openOrigin, serve, sha256Of } from './testing/origin.ts';
import { directoryFor, mountFor, openStore, readHeld } from './testing/store.ts';

/** One file and its thread, because a process that is killed at once begins a thousand times. */
const CHILD = join(mkdtempSync(join(tmpdir(), 'windrow-child-')), 'child.mjs');
const CHILD_SOURCE = new URL('./testing/child.ts', import.meta.url).pathname;
const THREAD_SOURCE = new URL('../base/hash-worker.ts', import.meta.url).pathname;
before(async () => {
  const banner = {
    js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
  };
  const how = { bundle: true, platform: 'node', format: 'esm', logLevel: 'error', banner } as const;
  await build({ ...how, entryPoints: [CHILD_SOURCE], outfile: CHILD });
  // By the name that the store calls it by.
  const thread = join(dirname(CHILD), 'hash-worker.ts');
  await build({ ...how, entryPoints: [THREAD_SOURCE], outfile: thread });
});
after(() => rmSync(dirname(CHILD), { recursive: true }));
/** More with WINDROW_TEST_KILLS, which a release is seen to survive. */
const KILLS = Number(process.env.WINDROW_TEST_KILLS ?? 12);
const AT_ONCE = 3;

function start(t: TestContext, directory: string, origin: Origin, mode: string): ChildProcess {
  const child = spawn(process.execPath, [CHILD, directory, origin.url, mode], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

/** The same directory under another name, as another machine has it, where that can be made. */
function otherName(t: TestContext, directory: string): string {
  return mountFor(t, ['--bind', directory]) ?? directory;
}

test('processes under two names of one directory ask the origin once', async (t) => {
  const directory = directoryFor(t);
  const other = otherName(t, directory);
  const origin = await openOrigin(t);
  const version = { bytes: bytesOf(400_000), etag: '"one"' };
  const release = Promise.withResolvers<void>();
  origin.on('/file', (q, r) => void release.promise.then(() => serve(q, r, version)));
  const children = [directory, other, directory].map((one) => start(t, one, origin, 'once'));
  const said = children.map(async (child) => {
    const lines: string[] = [];
    for await (const line of createInterface({ input: child.stdout! })) {
      lines.push(line);
      // All are there, or wait for the one that fetches.
      if (line === 'ready' && ++ready === children.length) release.resolve();
    }
    return lines.at(-1)!;
  });
  let ready = 0;
  const hows = await Promise.all(said);
  assert.equal(origin.countOf('/file'), 1);
  assert.ok(
    hows.every((line) => line.endsWith(sha256Of(version.bytes))),
    String(hows),
  );
  assert.equal(hows.filter((line) => line.startsWith('fetched')).length, 1);
});

/** Everything that has a final name, read as it lies there. */
function* finalFiles(directory: string): Generator<{ path: string; bytes: Buffer }> {
  for (const folder of ['entries', 'contents', 'pins']) {
    const root = join(directory, folder);
    for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      // Removed by one that lives, between looking and reading.
      if (existsSync(path)) yield { path, bytes: readFileSync(path) };
    }
  }
}

test(`of ${KILLS} processes killed at any instant none leaves a wrong file under a final name`, async (t) => {
  const directory = directoryFor(t);
  const other = otherName(t, directory);
  const origin = await openOrigin(t);
  const served = new Set<string>();
  for (let file = 0; file < 6; file++) {
    const versions = [0, 1, 2].map((version) => {
      // Two of them are long enough to be gone on with.
      const size = file < 4 ? 90_000 : 2_500_000;
      const bytes = bytesOf(size + 10_000 * version, file * 3 + version);
      served.add(sha256Of(bytes));
      return { bytes, etag: `"${file}-${version}"` };
    });
    origin.on(`/f${file}`, (q, r, nth) => {
      const version = versions[Math.floor(nth / 3) % 3]!;
      if (nth % 5 !== 0) return serve(q, r, version, { 'cache-control': 'no-cache' });
      const { bytes, etag } = version;
      r.writeHead(200, {
        etag,
        'content-length': String(bytes.length),
        'cache-control': 'no-cache',
      });
      // Some are cut off on the way.
      const rest = bytes.subarray(bytes.length - 40_000);
      const end = () => (nth % 2 === 0 ? r.end(rest) : r.destroy());
      r.write(bytes.subarray(0, bytes.length - 40_000), () => setImmediate(end));
    });
  }
  const check = () => {
    let checked = 0;
    for (const { path, bytes } of finalFiles(directory)) {
      checked++;
      if (path.endsWith('.key')) assert.ok(parseDescription(bytes.toString('utf8')), path);
      else assert.ok(served.has(sha256Of(bytes)), `${path} is no version that was served`);
    }
    return checked;
  };
  let killed = 0;
  let checked = 0;
  const killer = async (name: string) => {
    while (killed < KILLS) {
      killed++;
      const child = start(t, name, origin, 'busy');
      await once(child.stdout!, 'data');
      await delay(Math.random() * 150);
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      checked += check();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, (_, at) => killer(at % 2 ? other : directory)));
  assert.ok(checked > KILLS, `${checked} files were checked`);

  const store = await openStore(t, { directory });
  for (let file = 0; file < 6; file++) {
    const held = await store.ensure({ key: `${origin.url}/f${file}`, mode: 'immutable' });
    assert.ok(served.has(sha256Of(await readHeld(held))));
  }
  const { corrupt } = await store.verify();
  assert.equal(corrupt, 0);
  assert.deepEqual(
    readdirSync(join(directory, 'sharers')).length,
    1,
    'those that are gone are cleared away',
  );
});

test('a transfer is gone on with at the very byte where kill -9 met it', async (t) => {
  const directory = directoryFor(t);
  const origin = await openOrigin(t);
  const version = { bytes: bytesOf(3_000_000), etag: '"one"' };
  const key = origin.on('/file', (q, r, nth) => {
    if (nth > 1) return serve(q, r, version);
    r.writeHead(200, { etag: version.etag, 'content-length': String(version.bytes.length) });
    r.write(version.bytes.subarray(0, 2_500_000));
  });
  const child = start(t, directory, origin, 'once');
  const parts = join(directory, 'parts');
  const part = await seen(() => {
    const names = existsSync(parts) ? readdirSync(parts) : [];
    const name = names.find((one) => one.endsWith('.part'));
    return name && statSync(join(parts, name)).size >= 2 << 20 ? name : null;
  });
  child.kill('SIGKILL');
  if (child.signalCode === null) await once(child, 'exit');
  const written = statSync(join(parts, part)).size;
  assert.ok(existsSync(join(parts, `${part}.state`)));
  const store = await openStore(t, { directory });
  const held = await store.ensure({ key, mode: 'immutable' });
  const { range, 'if-range': ifRange } = origin.asked.at(-1)!.headers;
  assert.deepEqual([range, ifRange], [`bytes=${written}-`, '"one"']);
  assert.deepEqual([held.way.resumes, held.way.movedBytes], [1, version.bytes.length - written]);
  assert.ok((await readHeld(held)).equals(version.bytes));
  assert.deepEqual(readdirSync(parts), []);
});

async function seen<T>(look: () => T | null): Promise<T> {
  for (;;) {
    const found = look();
    if (found !== null) return found;
    await delay(5);
  }
}

test('a claim that a loss of power left without a name is passed over', async (t) => {
  const origin = await openOrigin(t);
  let ms = 0;
  // Ten seconds between two looks.
  const clock = { now: () => Date.now(), monotonic: () => (ms += 10_000) };
  const store = await openStore(t, { clock });
  const key = origin.on('/file', (q, r) => serve(q, r, { bytes: bytesOf(1000), etag: '"1"' }));
  writeFileSync(join(store.directory, 'claims', entryName(key).hash), '');
  const held = await store.ensure({ key, mode: 'immutable' });
  assert.equal(held.way.how, 'fetched');
  await held.release();
});

test('what a process cleared away by half is cleared away by the next one', async (t) => {
  const directory = directoryFor(t);
  const left = join(directory, 'sharers', 'host.1.abcdef.gone', 'holds');
  mkdirSync(left, { recursive: true });
  writeFileSync(join(left, 'name'), '');
  await openStore(t, { directory });
  assert.equal(readdirSync(join(directory, 'sharers')).length, 1);
});
