/**
 * What a network costs an attempt: the full walls around `true` without a network and with a counted
 * one, beside bubblewrap alone, one after the other; then many at a time. Needs root, and runs in a
 * network namespace of its own. `node bench/networks.ts [ATTEMPTS]`
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSettings, windrowSettings } from '#base';
import { type Network, NO_ISOLATION } from '#model';
import { findLauncher, openStarter, type Starter, type Walls } from '#sandbox';
import { wallsFor } from '../src/bin/worker-walls.ts';
import { processUnits, readProcessTable } from '../src/sandbox/process-table.ts';

const attempts = Number(process.argv[2] ?? 60);
const INSIDE = 'WINDROW_BENCH_INSIDE';
const request = { cpus: 1, memoryBytes: 0, diskBytes: 0, processes: 0, gpus: 0, timeMs: 0 };

if (process.env[INSIDE] === undefined) {
  const argv = ['--net', '--mount', '--', process.execPath, ...process.argv.slice(1)];
  const { status } = spawnSync('unshare', argv, {
    stdio: 'inherit',
    env: { ...process.env, [INSIDE]: '1' },
  });
  process.exit(status ?? 1);
}

writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
const directory = mkdtempSync(join(tmpdir(), 'windrow-bench-'));
const surroundings = { environment: {}, home: directory, directory, cpus: 1 };
const { values } = readSettings(windrowSettings, { flags: {}, files: [], surroundings });
const log = { warn: (facts: object, said: string) => console.error(said, facts) };
const walls = await wallsFor({ values, secrets: [], log }, directory);
let count = 0;

async function attempt(starter: Starter, network: Network): Promise<void> {
  const name = `bench-${++count}`;
  const scratch = mkdtempSync(join(directory, 'scratch-'));
  const plan = await walls.plan({
    ...{ name, owner: '', slot: 1, cpus: [], devices: [], request, scratch, directory: scratch },
    isolation: { ...NO_ISOLATION, walls: 'full', network },
    mountUnderScratch: ['/tmp', '/var/tmp'],
    files: [],
  } satisfies Parameters<Walls['plan']>[0]);
  await walls.raise(plan);
  const end = await starter.start({
    ...{ file: '/bin/true', argv: ['true'], environment: {}, directory: scratch, stdin: null },
    ...{
      timeoutMs: 0,
      killGraceMs: 0,
      walls: plan.launch,
      onOutput: (_, bytes) => process.stderr.write(bytes),
    },
  }).ended;
  if ('failed' in end || end.exitCode !== 0) throw new Error(JSON.stringify(end));
  await walls.settle(plan);
  await walls.takeDown(plan);
}

async function bubblewrap(): Promise<void> {
  const argv = ['--unshare-all', '--ro-bind', '/', '/', '/bin/true'];
  await once(spawn('bwrap', argv, { stdio: 'ignore' }), 'close');
}

/** Of this process, its launcher and all that they waited for, in clock ticks; the kernel's own work is not in it. */
function cpuMs(): number {
  const rows = readProcessTable().filter(({ pid, parent }) => [pid, parent].includes(process.pid));
  const ticks = rows.reduce((sum, { userTicks, systemTicks }) => sum + userTicks + systemTicks, 0);
  return ticks * processUnits().tickMs;
}

async function measure(what: string, one: () => Promise<void>): Promise<void> {
  for (let n = 0; n < 5; n++) await one();
  const times: number[] = [];
  const beforeMs = cpuMs();
  for (let n = 0; n < attempts; n++) {
    const startMs = performance.now();
    await one();
    times.push(performance.now() - startMs);
  }
  const perAttemptMs = (cpuMs() - beforeMs) / attempts;
  times.sort((a, b) => a - b);
  const mean = times.reduce((sum, ms) => sum + ms, 0) / times.length;
  const [best, median] = [times[0]!, times[Math.floor(times.length / 2)]!];
  console.log(
    `${what}: median ${median.toFixed(1)} ms, mean ${mean.toFixed(1)}, best ${best.toFixed(1)}; CPU ${perAttemptMs.toFixed(1)} ms`,
  );
}

const launcherPath = findLauncher();
const starter = openStarter({ launcherPath });
await measure('bwrap --unshare-all', bubblewrap);
await measure('full walls, no network', () => attempt(starter, 'none'));
await measure('full walls, counted network', () => attempt(starter, 'accounted'));
const startMs = performance.now();
await Promise.all(
  Array.from({ length: 50 }, async () => {
    const own = openStarter({ launcherPath });
    await attempt(own, 'accounted');
    await own.close();
  }),
);
console.log(`50 at once: ${(performance.now() - startMs).toFixed(0)} ms`);
await starter.close();
await walls.close();
const left = spawnSync('sh', [
  '-c',
  'nft list tables; ip -br link show type veth; ls /run/netns | grep windrow-',
]);
console.log(`left behind: ${left.stdout.toString().trim() || 'nothing'}`);
rmSync(directory, { recursive: true, force: true });
