/**
 * How many programs a second? The same number of /bin/true through the launcher, through Node's
 * spawn, through xargs and GNU parallel, in turns in one run, so that the ratios hold on a busy
 * machine too.
 *
 *     node bench/starts.ts [--count 2000] [--slots 2] [--rounds 3]
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { findLauncher, openStarter, type Starter, type StartRequest } from '#sandbox';

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '2000' },
    slots: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '3' },
  },
});
const count = Number(values.count);
const slots = Number(values.slots);
const rounds = Number(values.rounds);

const request: StartRequest = {
  file: '/bin/true',
  argv: ['true'],
  environment: { PATH: '/usr/bin:/bin' },
  directory: '/tmp',
  stdin: null,
  timeoutMs: 600_000,
  killGraceMs: 1000,
  onOutput: () => {},
};

async function runSlot(starter: Starter, programs: number): Promise<void> {
  for (let i = 0; i < programs; i++) {
    const end = await starter.start(request).ended;
    if ('failed' in end) throw new Error(end.message);
    if (end.exitCode !== 0) throw new Error(`/bin/true ended with ${end.exitCode ?? end.signal}`);
  }
}

/** Starts a second, through one starter per slot; opening them is not counted. */
async function measureStarter(launcherPath: string | null): Promise<number> {
  const starters = Array.from({ length: slots }, () => openStarter({ launcherPath }));
  await Promise.all(starters.map((starter) => runSlot(starter, 10)));
  const began = performance.now();
  await Promise.all(starters.map((starter) => runSlot(starter, Math.ceil(count / slots))));
  const seconds = (performance.now() - began) / 1000;
  await Promise.all(starters.map((starter) => starter.close()));
  return count / seconds;
}

/** Starts a second of a command that reads one argument per line; null where it is not installed. */
function measureCommand(command: string, args: readonly string[]): number | null {
  const input = Array.from({ length: count }, (_, i) => `${i}\n`).join('');
  const began = performance.now();
  const result = spawnSync(command, args, { input, stdio: ['pipe', 'ignore', 'ignore'] });
  const seconds = (performance.now() - began) / 1000;
  return result.error || result.status !== 0 ? null : count / seconds;
}

const launcher = findLauncher();
const contenders: Record<string, () => Promise<number | null> | number | null> = {
  [`launcher x${slots}`]: () => (launcher === null ? null : measureStarter(launcher)),
  [`spawn x${slots}`]: () => measureStarter(null),
  [`xargs -P${slots} -n1`]: () => measureCommand('xargs', [`-P${slots}`, '-n1', '/bin/true']),
  [`parallel -j${slots}`]: () => measureCommand('parallel', [`-j${slots}`, '/bin/true', '{}']),
};

const best = new Map<string, number>();
for (let round = 0; round < rounds; round++) {
  for (const [name, measure] of Object.entries(contenders)) {
    const rate = await measure();
    if (rate !== null) best.set(name, Math.max(rate, best.get(name) ?? 0));
  }
}
const yardstick = best.get(`xargs -P${slots} -n1`) ?? 1;
for (const name of Object.keys(contenders)) {
  const rate = best.get(name);
  const figures =
    rate === undefined
      ? 'not installed'
      : `${Math.round(rate)}/s  ${(rate / yardstick).toFixed(2)} of xargs`;
  console.log(`${name.padEnd(16)} ${figures}`);
}
