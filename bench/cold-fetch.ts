/**
 * A cold fetch into the datastore beside `curl -O`, by turns, so that both have the same machine:
 * `node bench/cold-fetch.ts [rounds]`. Over loopback and over links of 10 and 1 Gbit/s (`links.ts`).
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { MIB, openStore, serveBytes } from './datastore-parts.ts';
import { type Link, links } from './links.ts';
import { median } from './measured-process.ts';

const SIZES = [MIB, 16 * MIB, 256 * MIB];
/** Of each size so many are not counted: servers and workers live long, and their code is compiled. */
const WARMING = 2;
const [, , part = '7', ...args] = process.argv;

function start(at: readonly string[], ...words: readonly string[]): ChildProcess {
  const [command, ...rest] = [...at, process.execPath, import.meta.filename, ...words];
  return spawn(command!, rest, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
}

async function measureOver({ name, sender, receiver }: Link, rounds: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'windrow-bench-'));
  const origin = start(sender.at, 'part:origin', sender.address);
  try {
    const [url] = (await once(origin, 'message')) as [string];
    const store = start(receiver.at, 'part:store', name, folder, url, rounds);
    await once(store, 'exit');
  } finally {
    origin.kill();
    rmSync(folder, { recursive: true });
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
  for (const link of links()) await measureOver(link, rounds);
}

if (part === 'part:origin') await serveBytes(args[0]!);
else if (part === 'part:store') await compare(args[0]!, args[1]!, args[2]!, Number(args[3]));
else await main(part);
