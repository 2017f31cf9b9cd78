/**
 * A cold fetch into the datastore beside `curl -O`, by turns, so that both have the same machine:
 * `node bench/cold-fetch.ts [rounds]`. Over loopback, where the origin sends as fast as it can and shares the
 * processors with who receives; and over links of 10 and 1 Gbit/s, as real origins have at most: two network
 * namespaces and a token bucket between them (tc-tbf), for which it must be root.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { MIB, openStore, serveBytes } from './datastore-parts.ts';
import { median } from './measured-process.ts';

const SIZES = [MIB, 16 * MIB, 256 * MIB];
/** Of each size so many are not counted: servers and workers live long, and their code is compiled. */
const WARMING = 2;
const [, , part = '7', ...args] = process.argv;

/** Where the origin listens and by which words each side is started. */
interface Link {
  readonly name: string;
  readonly address: string;
  readonly atOrigin: readonly string[];
  readonly atStore: readonly string[];
  remove(): void;
}

const LOOPBACK: Link = {
  name: 'loopback',
  address: '127.0.0.1',
  atOrigin: [],
  atStore: [],
  remove: () => {},
};

function ip(...words: readonly string[]): void {
  execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Throws where such things may not be made; nothing is left then. */
function makeLink(rate: string): Link {
  const [origin, store] = ['o', 's'].map((side) => `windrow-bench-${side}${process.pid}`) as [
    string,
    string,
  ];
  const remove = () => {
    for (const name of [origin, store]) {
      try {
        ip('netns', 'del', name);
      } catch {} // it was not made
    }
  };
  try {
    for (const name of [origin, store]) ip('netns', 'add', name);
    const peer = ['peer', 'name', 'eth0', 'netns', store];
    ip('-n', origin, 'link', 'add', 'name', 'eth0', 'type', 'veth', ...peer);
    for (const [name, address] of [
      [origin, '192.0.2.1/30'],
      [store, '192.0.2.2/30'],
    ] as const) {
      ip('-n', name, 'address', 'add', address, 'dev', 'eth0');
      ip('-n', name, 'link', 'set', 'eth0', 'up');
    }
    const bucket = ['root', 'tbf', 'rate', rate, 'burst', '1mb', 'latency', '50ms'];
    ip('netns', 'exec', origin, 'tc', 'qdisc', 'add', 'dev', 'eth0', ...bucket);
  } catch (error) {
    remove();
    throw error;
  }
  return {
    name: `${rate.replace('gbit', ' Gbit/s')}`,
    address: '192.0.2.1',
    atOrigin: ['ip', 'netns', 'exec', origin],
    atStore: ['ip', 'netns', 'exec', store],
    remove,
  };
}

function start(at: readonly string[], ...words: readonly string[]): ChildProcess {
  const [command, ...rest] = [...at, process.execPath, import.meta.filename, ...words];
  return spawn(command!, rest, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
}

async function measureOver(link: Link, rounds: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'windrow-bench-'));
  const origin = start(link.atOrigin, 'part:origin', link.address);
  try {
    const [url] = (await once(origin, 'message')) as [string];
    const store = start(link.atStore, 'part:store', link.name, folder, url, rounds);
    await once(store, 'exit');
  } finally {
    origin.kill();
    rmSync(folder, { recursive: true });
    link.remove();
  }
}

/** What is measured, in milliseconds from the start. */
interface Times {
  readonly inHand: number[];
  /** Flushed and in its place. */
  readonly stored: number[];
  readonly curl: number[];
  readonly synced: number[];
  readonly digested: number[];
}

async function compare(name: string, folder: string, url: string, rounds: number): Promise<void> {
  const store = await openStore(join(folder, 'store'));
  const target = join(folder, 'curl.out');
  for (const bytes of SIZES) {
    const times: Times = { inHand: [], stored: [], curl: [], synced: [], digested: [] };
    let cpuMs = 0;
    for (let round = 0; round < rounds + WARMING; round++) {
      const key = `${url}/${bytes}?${round}`;
      const before = process.cpuUsage();
      let since = performance.now();
      const held = await store.ensure({ key, mode: 'immutable', isEarly: true });
      times.inHand.push(performance.now() - since);
      await store.find(key);
      times.stored.push(performance.now() - since);
      const { user, system } = process.cpuUsage(before);
      if (round >= WARMING) cpuMs += (user + system) / 1000;
      await held.release();
      since = performance.now();
      await run(['curl', '-s', '-o', target, key]);
      times.curl.push(performance.now() - since);
      await run(['sync', target]);
      times.synced.push(performance.now() - since);
      await run(['sha256sum', target]);
      times.digested.push(performance.now() - since);
      rmSync(target);
      await store.remove(key);
    }
    tell(`${name}, ${bytes / MIB} MiB`, times, cpuMs / rounds);
  }
  await store.close();
}

function tell(what: string, times: Times, cpuMs: number): void {
  const ms = (kind: keyof Times) => median(times[kind].slice(WARMING));
  const beside = (kind: keyof Times, own: keyof Times) =>
    `${ms(kind).toFixed(0)} ms, ${(ms(kind) / ms(own)).toFixed(2)} ×`;
  console.log(
    `${what}: in hand ${ms('inHand').toFixed(0)} ms, stored ${ms('stored').toFixed(0)} ms ` +
      `(${cpuMs.toFixed(0)} ms of CPU); curl -O ${beside('curl', 'inHand')} of in hand; ` +
      `with sync ${beside('synced', 'stored')} of stored; ` +
      `with sync and sha256sum ${beside('digested', 'stored')}`,
  );
}

async function run([command = '', ...words]: readonly string[]): Promise<void> {
  await once(spawn(command, words, { stdio: 'ignore' }), 'exit');
}

async function main(rounds: string): Promise<void> {
  execFileSync('sync');
  console.log(`load average ${loadavg()[0]!.toFixed(1)}`);
  await measureOver(LOOPBACK, rounds);
  for (const rate of ['10gbit', '1gbit']) {
    let link: Link;
    try {
      link = makeLink(rate);
    } catch (error) {
      const [, reason = String(error)] = (error as Error).message.split('\n');
      console.log(`no link of ${rate} could be made: ${reason}`);
      continue;
    }
    await measureOver(link, rounds);
  }
}

if (part === 'part:origin') await serveBytes(args[0]!);
else if (part === 'part:store') await compare(args[0]!, args[1]!, args[2]!, Number(args[3]));
else await main(part);
