/**
 * An input that lies on the machine, into the directory of an attempt: `node bench/into-jobs.ts
 * [attempts]`. The steps of a real attempt, from asking the stock to the name in its directory; the
 * first attempt of a worker that was just started counts apart, since the store is asked then.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { DirectoryShelf } from '#base';
import type { Datastore } from '#datastore';
import type { Input, InputWay } from '#model';
import type { Attempt } from '../src/worker/attempt/attempt.ts';
import { fetchInputs, releaseInputs } from '../src/worker/attempt/fetch.ts';
import { makeScratch, removeScratchOf, stageInputs } from '../src/worker/attempt/stage.ts';
import { Stock } from '../src/worker/stock.ts';
import { storeIn } from '../src/worker/testing/field.ts';
import { median } from './measured-process.ts';

const MIB = 2 ** 20;
const SIZES = [1024, 64 * 1024, MIB, 64 * MIB, 1024 * MIB];
const attempts = Number(process.argv[2] ?? 500);
const NO_SERVER = { open: () => Promise.reject(new Error('everything lies here')) };

function* zeros(bytes: number): Generator<Buffer> {
  const block = Buffer.alloc(MIB);
  for (let sent = 0; sent < bytes; sent += MIB)
    yield block.subarray(0, Math.min(MIB, bytes - sent));
}

/** Puts a file into the store as a worker has it: under its digest. */
async function fill(store: Datastore, bytes: number): Promise<string> {
  const hash = createHash('sha256');
  for (const block of zeros(bytes)) hash.update(block);
  const sha256 = hash.digest('hex');
  const source = (async function* () {
    yield* zeros(bytes);
  })();
  await store.put(source, { key: `windrow:${sha256}` });
  return sha256;
}

/** As much of an attempt as these steps look at. */
function attemptOf(
  stock: Stock,
  shelf: DirectoryShelf,
  root: string,
  input: Input,
  number: number,
) {
  const job = { inputs: [input], results: [], columns: [], programName: '', id: 1 };
  const name = `attempt-${number}`;
  return {
    name,
    scratch: join(root, name),
    plan: { program: null, job, templates: new Map() },
    grant: { cells: [], task: 0 },
    workshop: {
      stock,
      shelf,
      lifetime: new AbortController().signal,
      link: () => Promise.resolve(),
      random: Math.random,
    },
    starter: { kind: 'launcher' },
    aborter: new AbortController(),
    taken: new Map(),
    linked: new Map(),
    ways: new Map<string, InputWay>(),
    remarks: [],
    walls: null,
    stopped: null,
    madeScratch: null,
  } as unknown as Attempt;
}

async function measure(folder: string, bytes: number): Promise<string> {
  const store = (await storeIn(join(folder, 'data'), NO_SERVER)) as Datastore;
  const sha256 = await fill(store, bytes);
  const marks = join(folder, 'brought');
  const stock = new Stock({ datastore: store, marks, hasPeers: false, sessionTag: () => 'bench' });
  const root = join(folder, 'scratch');
  mkdirSync(root, { recursive: true });
  const shelf = new DirectoryShelf(root);
  const version = { blob: sha256, bytes, source: '' };
  const from = { kind: 'url', url: 'https://data.example/set', sha256, md5: '', version } as const;
  const more = { mode: 'immutable', from: 'server', writable: false } as const;
  const input: Input = { name: 'set', from: { ...from, ...more } };
  const times: number[] = [];
  let into = '';
  for (let number = 0; number <= attempts; number++) {
    const attempt = attemptOf(stock, shelf, root, input, number);
    const since = performance.now();
    await fetchInputs(attempt);
    makeScratch(attempt);
    await stageInputs(attempt);
    times.push(performance.now() - since);
    into = attempt.ways.get('set')!.into;
    if (statSync(join(attempt.scratch, 'set')).size !== bytes) throw new Error('it is not whole');
    await removeScratchOf(attempt);
    releaseInputs(attempt);
  }
  const [first = 0, ...rest] = times;
  rest.sort((a, b) => a - b);
  const p99 = rest[Math.floor(rest.length * 0.99)]!;
  await stock.close();
  const size = bytes < MIB ? `${bytes / 1024} KiB` : `${bytes / MIB} MiB`;
  return `${size} by ${into}: median ${median(rest).toFixed(2)} ms, p99 ${p99.toFixed(2)} ms; the first ${first.toFixed(1)} ms`;
}

const folder = mkdtempSync(join(tmpdir(), 'windrow-bench-'));
try {
  console.log(`load average ${loadavg()[0]!.toFixed(1)}`);
  for (const bytes of SIZES) console.log(await measure(folder, bytes));
} finally {
  rmSync(folder, { recursive: true });
}
