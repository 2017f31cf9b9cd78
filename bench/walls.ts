/**
 * What walls cost: milliseconds and CPU time per attempt of a shell that does nothing at each level, beside
 * `bwrap --unshare-all`, `unshare` and `crun run` of the same program by the same starter in the same run.
 * Of an attempt two times are told: until its slot is free for the next, and until nothing of it is left.
 * CPU time is that of everything: programs as the kernel measured them, their launcher, and this process,
 * all to the microsecond.
 *
 *   node bench/walls.ts [attempts]
 */
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { DirectoryShelf } from '#base';
import { type Level, NO_ISOLATION } from '#model';
import {
  findLauncher,
  findTool,
  openStarter,
  type ProgramEnd,
  runTool,
  type Starter,
} from '#sandbox';
import { readProcessTable } from '../src/sandbox/process-table.ts';
import { openWalledField, type WalledField } from '../src/sandbox/walls/testing.ts';

const STARTS = Number(process.argv[2] ?? 100);
const PATH = '/usr/bin:/bin';
const launcherPath = findLauncher();

async function plain(starter: Starter, argv: readonly string[]): Promise<undefined> {
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
  note(end);
  return undefined;
}

let programsMs = 0;

function note({ measured: { figures } }: ProgramEnd): void {
  programsMs += (figures.cpuUserMs ?? 0) + (figures.cpuSystemMs ?? 0);
}

/** So far, of all programs that have ended, their launcher and this process. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  launcher ??= readProcessTable().find(({ parent }) => parent === process.pid)?.pid;
  // Nanoseconds on a processor, proc(5).
  const schedstat = launcher ? readFileSync(`/proc/${launcher}/schedstat`, 'latin1') : '0';
  return (user + system) / 1000 + Number.parseInt(schedstat, 10) / 1e6 + programsMs;
}

let launcher: number | undefined;

/** `once` tells when it would be followed by the next, or nothing where that is its end. */
async function measure(name: string, once: Once): Promise<void> {
  for (let count = 0; count < 3; count++) await once();
  const [times, wholes]: [number[], number[]] = [[], []];
  const beforeMs = cpuMs();
  for (let count = 0; count < STARTS; count++) {
    const beganMs = performance.now();
    const freeMs = (await once()) ?? performance.now();
    times.push(freeMs - beganMs);
    wholes.push(performance.now() - beganMs);
  }
  const perStartMs = (cpuMs() - beforeMs) / STARTS;
  const [median, most] = [at(times, 0.5), at(times, 0.9)];
  const whole = at(wholes, 0.5);
  const all = whole - median < 0.05 ? '' : `, ${whole.toFixed(2)} with all of it`;
  console.log(
    `${name.padEnd(22)} ${median.toFixed(2)} ms (90 %: ${most.toFixed(2)}${all}), CPU ${perStartMs.toFixed(2)} ms`,
  );
}

function at(times: number[], part: number): number {
  return times.sort((a, b) => a - b)[Math.floor(times.length * part)]!;
}

const NOTHING_ASKED = { cpus: 1, memoryBytes: 0, diskBytes: 0, processes: 0, gpus: 0, timeMs: 0 };
let attempts = 0;

/** The steps of a worker's attempt that have to do with walls. Tells when its slot is free. */
async function attempt(
  { walls }: WalledField,
  shelf: DirectoryShelf,
  starter: Starter,
  level: Level,
): Promise<number> {
  const name = `bench-${++attempts}`;
  let scratch = shelf.take(name);
  const isolation = { ...NO_ISOLATION, walls: level };
  const places = { scratch: scratch.path, directory: scratch.path, files: [], devices: [] };
  const site = { name, owner: '', slot: 1, cpus: [], request: NOTHING_ASKED, isolation, ...places };
  const plan = walls.needsNone(isolation, NOTHING_ASKED, '')
    ? null
    : await walls.plan({ ...site, mountUnderScratch: ['/tmp', '/var/tmp'] });
  if (plan) await walls.raise(plan);
  if (plan?.account) scratch = shelf.asOf(scratch.path);
  const end = await starter.start({
    ...{ file: '/bin/sh', argv: ['sh', '-c', ':'], environment: { PATH, ...plan?.environment } },
    ...{ directory: scratch.path, stdin: null, timeoutMs: 0, killGraceMs: 0, onOutput: () => {} },
    ...(plan && { walls: plan.launch }),
  }).ended;
  if ('failed' in end || end.exitCode !== 0) throw new Error(`${level}: ${JSON.stringify(end)}`);
  note(end);
  if (plan) await walls.endRemains(plan);
  const freeMs = performance.now();
  if (plan) await walls.settle(plan);
  if (plan) await walls.takeDown(plan);
  await shelf.give(scratch, true);
  return freeMs;
}

async function crun(starter: Starter): Promise<void> {
  const tool = findTool('crun');
  if (tool === null) return console.log('crun                    is not there');
  const bundle = mkdtempSync(join(tmpdir(), 'windrow-bench-'));
  try {
    mkdirSync(join(bundle, 'rootfs'));
    await runTool([tool, 'spec', '--bundle', bundle]);
    const config = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8'));
    config.root = { path: '/', readonly: true };
    config.process = { ...config.process, terminal: false, args: ['/bin/true'] };
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(config));
    let count = 0;
    const run = () =>
      plain(starter, [tool, 'run', '--bundle', bundle, `windrow-bench-${process.pid}-${++count}`]);
    await run();
    await measure('crun run', run);
  } catch {
    console.log('crun run               does not run here');
  } finally {
    rmSync(bundle, { recursive: true, force: true });
  }
}

type Once = () => Promise<number | undefined>;

/** One after the other, turn by turn: what else the machine does then weighs on both alike. */
async function compare(name: string, goal: number, one: Once, other: Once): Promise<void> {
  const times: [number[], number[]] = [[], []];
  const cpus: [number, number] = [0, 0];
  for (let count = 0; count < STARTS; count++) {
    for (const [index, once] of [one, other].entries()) {
      const [beganMs, beforeMs] = [performance.now(), cpuMs()];
      const freeMs = await once();
      times[index]!.push((freeMs ?? performance.now()) - beganMs);
      cpus[index]! += cpuMs() - beforeMs;
    }
  }
  const [quarter, half] = [0.25, 0.5].map((part) => at(times[0], part) / at(times[1], part));
  const cpu = cpus[0] / cpus[1];
  console.log(
    `${name}, in turns: ${half!.toFixed(2)} in time (first quarter: ${quarter!.toFixed(2)}); ${cpu.toFixed(2)} in CPU time (goal ${goal})`,
  );
}

const starter = openStarter({ launcherPath });
// As a worker's: not below a directory that attempts get a private one of.
mkdirSync(join(homedir(), '.cache'), { recursive: true });
const directory = realpathSync(mkdtempSync(join(homedir(), '.cache', 'windrow-bench-')));
const field = await openWalledField({}, 'bare', directory);
mkdirSync(join(directory, 'scratch'));
const shelf = new DirectoryShelf(join(directory, 'scratch'));
const level = (walls: Level) => () => attempt(field, shelf, starter, walls);
const shell = () => plain(starter, ['/bin/sh', '-c', ':']);
const bubblewrap = () =>
  plain(starter, ['bwrap', '--unshare-all', '--bind', '/', '/', '/bin/sh', '-c', ':']);
try {
  await measure('plain start', shell);
  await measure('bwrap --unshare-all', bubblewrap);
  await measure('unshare -pfimunC', () =>
    plain(starter, ['unshare', '-pfimunC', '/bin/sh', '-c', ':']),
  ).catch(() => console.log('unshare                does not run here'));
  await crun(starter);
  await measure('level bare', level('bare'));
  await measure('level tracked', level('tracked'));
  await measure('level private', level('private'));
  await measure('level full', level('full'));
  await compare('bare / plain', 1.2, level('bare'), shell);
  await compare('full / bwrap --unshare-all', 1.5, level('full'), bubblewrap);
} finally {
  await shelf.close();
  await starter.close();
  await field.close();
}
