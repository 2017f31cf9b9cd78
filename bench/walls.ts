/**
 * What walls cost: milliseconds and CPU time per start of a shell that does nothing at each level, beside `bwrap --unshare-all`,
 * `unshare` and `crun run` of the same program by the same starter in the same run.
 *
 *   node bench/walls.ts [starts]
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Level } from '#model';
import { findLauncher, findTool, openStarter, runTool, type Starter } from '#sandbox';
import { processUnits, readProcessTable } from '../src/sandbox/process-table.ts';
import { openWalledField, type WalledField } from '../src/sandbox/walls/testing.ts';

const STARTS = Number(process.argv[2] ?? 100);
const PATH = '/usr/bin:/bin';
const launcherPath = findLauncher();

async function plain(starter: Starter, argv: readonly string[]): Promise<void> {
  const program = starter.start({
    file: argv[0]!,
    argv,
    environment: { PATH },
    directory: '/',
    stdin: null,
    timeoutMs: 0,
    killGraceMs: 0,
    onOutput: () => {},
  });
  const end = await program.ended;
  if ('failed' in end || end.exitCode !== 0) throw new Error(`${argv[0]} failed`);
}

interface Cost {
  readonly medianMs: number;
  /** Of this process, its launchers and all that they waited for; says more on a busy machine. */
  readonly cpuMs: number;
}

/** In clock ticks, so it takes many starts to tell. */
function cpuMs(): number {
  const rows = readProcessTable().filter(({ pid, parent }) => [pid, parent].includes(process.pid));
  const ticks = rows.reduce((sum, { userTicks, systemTicks }) => sum + userTicks + systemTicks, 0);
  return ticks * processUnits().tickMs;
}

async function measure(name: string, once: () => Promise<unknown>): Promise<Cost> {
  for (let count = 0; count < 3; count++) await once();
  const times: number[] = [];
  const beforeMs = cpuMs();
  for (let count = 0; count < STARTS; count++) {
    const beganMs = performance.now();
    await once();
    times.push(performance.now() - beganMs);
  }
  times.sort((a, b) => a - b);
  const medianMs = times[STARTS >> 1]!;
  const perStartMs = (cpuMs() - beforeMs) / STARTS;
  const most = times[Math.floor(STARTS * 0.9)]!.toFixed(2);
  console.log(
    `${name.padEnd(28)} ${medianMs.toFixed(2)} ms (90 %: ${most}), CPU ${perStartMs.toFixed(1)} ms`,
  );
  return { medianMs, cpuMs: perStartMs };
}

function level(field: WalledField, starter: Starter, walls: Level): Promise<Cost> {
  return measure(`level ${walls}`, () => field.run(walls, ':', { starter }));
}

/** Null where it does not run here. */
async function crun(starter: Starter): Promise<Cost | null> {
  const tool = findTool('crun');
  if (tool === null) return null;
  const bundle = mkdtempSync(join(tmpdir(), 'windrow-bench-'));
  try {
    mkdirSync(join(bundle, 'rootfs'));
    await runTool([tool, 'spec', '--bundle', bundle]);
    const { readFileSync } = await import('node:fs');
    const config = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8'));
    config.root = { path: '/', readonly: true };
    config.process = { ...config.process, terminal: false, args: ['/bin/true'] };
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(config));
    let count = 0;
    const run = () =>
      plain(starter, [tool, 'run', '--bundle', bundle, `windrow-bench-${process.pid}-${++count}`]);
    await run();
    return await measure('crun run', run);
  } catch {
    console.log('crun run                     does not run here');
    return null;
  } finally {
    rmSync(bundle, { recursive: true, force: true });
  }
}

function tell(name: string, one: Cost, other: Cost, goal: number): void {
  const time = (one.medianMs / other.medianMs).toFixed(2);
  const cpu = (one.cpuMs / other.cpuMs).toFixed(2);
  console.log(`${name}: ${time} in time, ${cpu} in CPU time (goal ${goal})`);
}

const starter = openStarter({ launcherPath });
const field = await openWalledField();
try {
  const spawned = await measure('plain start', () => plain(starter, ['/bin/sh', '-c', ':']));
  const bwrap = await measure('bwrap --unshare-all', () =>
    plain(starter, ['bwrap', '--unshare-all', '--bind', '/', '/', '/bin/sh', '-c', ':']),
  );
  await measure('unshare -pfimunC', () =>
    plain(starter, ['unshare', '-pfimunC', '/bin/sh', '-c', ':']),
  ).catch(() => console.log('unshare                      does not run here'));
  await crun(starter);
  const bare = await level(field, starter, 'bare');
  await level(field, starter, 'tracked');
  await level(field, starter, 'private');
  const full = await level(field, starter, 'full');
  tell('bare / plain', bare, spawned, 1.2);
  tell('full / bwrap --unshare-all', full, bwrap, 1.5);
} finally {
  await starter.close();
  await field.close();
}
