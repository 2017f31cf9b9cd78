/**
 * What does the datastore cost? `node bench/datastore.ts [entries] [bytes of the large file]`: a hit, a
 * thousand who wait, memory with a large file, and a list of many entries. Each memory is that of a process of
 * its own. What a cold fetch costs: `bench/cold-fetch.ts`.
 */
import { execFileSync, fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeRecord } from '../src/datastore/index/record.ts';
import type { Datastore } from '../src/datastore/mod.ts';
import { MIB, openStore, serveBytes } from './datastore-parts.ts';
import { median } from './measured-process.ts';

const [, , part = ''] = process.argv;
const entries = Number(process.argv[2] ?? 1_000_000);
const largeBytes = Number(process.argv[3] ?? 2048 * MIB);

function msSince(since: number): string {
  return `${(performance.now() - since).toFixed(1)} ms`;
}

/** How long the event loop was kept from everything else at most; asked once, when the work is over. */
function longestTurn(): () => string {
  let [longest, last] = [0, performance.now()];
  let isOver = false;
  const turn = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  return () => {
    isOver = true;
    return `${Math.max(longest, performance.now() - last).toFixed(0)} ms`;
  };
}

function peakMib(): number {
  return Math.round(process.resourceUsage().maxRSS / 1024);
}

/** Parts that run in a process of their own, so that their memory is theirs alone. */
const PARTS: Readonly<Record<string, (directory: string, url: string) => Promise<void>>> = {
  origin: () => serveBytes('127.0.0.1'),
  async large(directory, url) {
    const store = await openStore(directory);
    const since = performance.now();
    const held = await store.ensure({ key: url, mode: 'immutable' });
    const seconds = (performance.now() - since) / 1000;
    const rate = Math.round(held.bytes / MIB / seconds);
    console.log(`${held.bytes / MIB} MiB fetched: ${rate} MiB/s, peak ${peakMib()} MiB resident`);
    await held.release();
    await store.close();
  },
  async list(directory, url) {
    let since = performance.now();
    const store = await openStore(directory);
    await (await store.hold(url))?.release();
    console.log(`opened, first hit given: ${msSince(since)}`);
    for (const sort of ['bytes', 'lastAccess', 'key'] as const) {
      since = performance.now();
      const before = process.cpuUsage();
      const turns = longestTurn();
      const { matching } = await store.list({ sort, limit: 1000 });
      const { user, system } = process.cpuUsage(before);
      const cpu = `${Math.round((user + system) / 1000)} ms of CPU`;
      console.log(
        `${matching} entries by ${sort}: ${msSince(since)}, ${cpu}, others wait ${turns()} at most, peak ${peakMib()} MiB resident`,
      );
    }
    await store.close();
  },
};

async function inProcess(name: string, directory: string, url: string): Promise<void> {
  const child = fork(import.meta.filename, [`part:${name}`, directory, url]);
  await once(child, 'exit');
}

/** How often the origin was asked for what. */
const asked = new Map<string, number>();

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'windrow-bench-'));
  const origin = fork(import.meta.filename, ['part:origin']);
  const [url] = (await once(origin, 'message')) as [string];
  origin.on('message', (path: string) => asked.set(path, (asked.get(path) ?? 0) + 1));
  console.log(`load average ${loadavg()[0]!.toFixed(1)}`);
  try {
    const store = await openStore(join(folder, 'store'));
    await hits(store, url);
    const key = `${url}/${65_536}?waiters`;
    const since = performance.now();
    const held = await Promise.all(
      Array.from({ length: 1000 }, () => store.ensure({ key, mode: 'immutable' })),
    );
    console.log(`1,000 waiters: ${asked.get('/65536?waiters')} request, ${msSince(since)}`);
    for (const one of held) await one.release();
    await store.close();
    await inProcess('large', join(folder, 'large'), `${url}/${largeBytes}`);
    await many(join(folder, 'many'), url);
  } finally {
    origin.kill();
    rmSync(folder, { recursive: true });
  }
}

async function hits(store: Datastore, url: string): Promise<void> {
  for (const bytes of [1024, 64 * MIB]) {
    const key = `${url}/${bytes}`;
    await (await store.ensure({ key, mode: 'immutable' })).release();
    const times: number[] = [];
    for (let round = 0; round < 300; round++) {
      const since = performance.now();
      const held = await store.ensure({ key, mode: 'immutable' });
      times.push(performance.now() - since);
      await held.release();
    }
    console.log(`a hit of ${bytes} bytes: median ${median(times).toFixed(2)} ms`);
  }
}

async function many(directory: string, url: string): Promise<void> {
  const store = await openStore(directory);
  const key = `${url}/1024`;
  await (await store.ensure({ key, mode: 'immutable' })).release();
  await store.close();
  const segment = join(directory, 'index', 'bench.seg');
  let records: Buffer[] = [];
  for (let at = 0; at < entries; at++) {
    const name = `https://data.example/sets/${at % 977}/part-${at}.nc`;
    const hash = createHash('sha256').update(name).digest('hex');
    const bytes = (at * 7919) % 1_000_003;
    const times = { atMs: 1, storedAtMs: at, accessedAtMs: (at * 104_729) % 1e12 };
    records.push(
      encodeRecord({ ...times, isHere: true, hash, sha256: hash, bytes, key: name, owner: '' }),
    );
    if (records.length < 10_000 && at < entries - 1) continue;
    appendFileSync(segment, Buffer.concat(records));
    records = [];
  }
  await inProcess('list', directory, key);
}

if (part.startsWith('part:')) {
  await PARTS[part.slice('part:'.length)]!(process.argv[3]!, process.argv[4]!);
} else {
  execFileSync('sync');
  await main();
}
