/**
 * Starting workers on one machine and on eight, by ssh: `node bench/hosts.ts [options] [rounds
 * [CHECKOUT…]]`, as root. The machines are namespaces of this one with a real sshd each
 * (test/field/hosts.ts), so all of their work shares its cores, which no rack does. Measured is
 *
 *   together  as it is: all on the cores that there are
 *   shares    each machine and the head with the same share of a processor (shares.ts): all alike and
 *             slow, and beside each other as in a rack
 *   cores     the same, where the head has four such processors: one for Windrow, three for its ssh
 *   link      as shares, and what the head sends goes over a link as much slower than 1 Gbit/s
 *
 * and each of them with
 *
 *   cold      nothing on the machines: the executable is copied, one copy each
 *   warm      the executable there
 *
 * Options: `--only shares,warm` for some of these; `--share 0.15` of a processor; `--executables DIR`
 * with what `npm run build:executable` made of this checkout, which is built otherwise (packed with
 * less care); `--openssh DIR` with another OpenSSH for both sides, as unpacked from Debian's packages.
 * Another checkout is measured in turns with this one. Each is bundled first.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { type HostField, whyNoHosts, withHosts } from '../test/field/hosts.ts';
import type { Running } from '../test/field/sweep-field.ts';
import { median } from './measured-process.ts';
import { type Held, Shares } from './shares.ts';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', default: '' },
    share: { type: 'string', default: '0.15' },
    executables: { type: 'string' },
    openssh: { type: 'string' },
  },
});
const [rounds = '3', ...others] = positionals;
const share = Number(options.share);
const HOSTS = ['n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7', 'n8'];
/** Processors of the head; where it has but one, the others stay empty. */
const HEAD = ['head', 'head-1', 'head-2', 'head-3'];
const FIRST_PORT = 8980;
const LINK_MBIT = 1000;
/** Above what TCP hands over at once, or the head's processor does what network cards do: cut it. */
const LINK_BUFFERS = ['burst', '256kb', 'limit', '4mb'];
const SSH = join(options.openssh ? resolve(options.openssh) : '/', 'usr/bin/ssh');
/** Clock ticks of proc(5) stat, USER_HZ. */
const TICK_MS = 10;

/**
 * ext4 looks at each file that was removed within the last minutes before it makes another: small files
 * are kept, or the next start would take 0.1 s of CPU more than on a machine that was left alone.
 */
const FORGET = `
  [ -d .cache ] || exit 0
  kept=$(mktemp -d ./kept-XXXXXX) && mv .cache/windrow/parts "$kept" && rm -rf .cache`;

const STATES = ['cold', 'warm'] as const;
const WAYS = ['together', 'shares', 'cores', 'link'] as const;
type State = (typeof STATES)[number];
type Way = (typeof WAYS)[number];

/** A checkout, the executables that were built from it, and what was measured. */
interface Version {
  readonly root: string;
  readonly built: string;
  readonly port: number;
  one: Round[];
  all: Round[];
}

interface HostCpu {
  /** ssh, the shell, unpacking, digest. */
  readonly receivingMs: number;
  /** The worker, with what it tries out. */
  readonly workerMs: number;
}

interface Round extends HostCpu {
  readonly wallMs: number;
  /** `windrow start` and its ssh. */
  readonly headMs: number;
  /** The server beside it. */
  readonly serverMs: number;
  /** Processors that others than those measured kept busy. */
  readonly otherCpus: number;
  /** Of 1: how often a group that had something to do had to wait, the head's and the machines'. */
  readonly headThrottled: number;
  readonly hostsThrottled: number;
}

interface Bench {
  readonly field: HostField;
  readonly shares: Shares;
}

const why = whyNoHosts();
if (why) throw new Error(why);
const wanted = options.only.split(',').filter((word) => word !== '');
const folder = mkdtempSync(join(tmpdir(), 'windrow-bench-'));
/** Everything is removed then too; what is under way fails when its machines are gone. */
const interrupted = new Promise<never>((_, reject) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => reject(new Error(`ended by ${signal}`)));
  }
});
interrupted.catch(() => {});
try {
  const versions = [join(import.meta.dirname, '..'), ...others].map(build);
  const shares = await Shares.open([...HEAD, ...HOSTS], share);
  try {
    writeSshOfHead(shares);
    const setup = options.openssh ? withOpenSsh(resolve(options.openssh)) : '';
    const specs = HOSTS.map((name) => ({ name, setup }));
    await withHosts(specs, (field) => {
      const comparison = compare({ field, shares }, versions);
      comparison.catch(() => {});
      return Promise.race([comparison, interrupted]);
    });
  } finally {
    await shares.close();
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function build(checkout: string, at: number): Version {
  const root = resolve(checkout);
  execFileSync(process.execPath, [join(root, 'scripts/build-bundle.mjs')]);
  const version = { root, port: FIRST_PORT + at, one: [], all: [] };
  if (at === 0 && options.executables) return { ...version, built: resolve(options.executables) };
  const built = join(folder, String(at));
  const words = ['--output', built, '--platform', 'linux-x64', '--level', '9'];
  execFileSync(process.execPath, [join(root, 'scripts/build-executable.ts'), ...words]);
  return { ...version, built };
}

/** The ssh that the head finds when it has several processors: it goes to one of them first. */
function writeSshOfHead(shares: Shares): void {
  const groups = HEAD.slice(1);
  const cases = HOSTS.map((name, at) => {
    const joins = shares.joinsOf(groups[at % groups.length]!);
    return `${name}) for file in ${joins.join(' ')}; do echo $$ >$file || exit 71; done ;;`;
  });
  const find = `for word; do case $word in\n${cases.join('\n')}\nesac; done`;
  mkdirSync(join(folder, 'path'));
  writeFileSync(join(folder, 'path/ssh'), `#!/bin/sh\n${find}\nexec ${SSH} "$@"\n`, {
    mode: 0o755,
  });
}

/** Shell commands by which a machine gets an sshd of its own. */
function withOpenSsh(root: string): string {
  const paths = ['/usr/sbin/sshd', '/usr/lib/openssh'];
  return paths.map((path) => `mount --bind ${root}${path} ${path}`).join('\n');
}

async function compare({ field, shares }: Bench, versions: readonly Version[]): Promise<void> {
  for (const count of [1, HOSTS.length]) {
    field.sweep.write(`${count}.txt`, `${HOSTS.slice(0, count).join('\n')}\n`);
  }
  for (const name of HOSTS) {
    const host = field.host(name);
    shares.put(name, [host.initPid, ...host.processes().map(({ pid }) => pid)]);
  }
  for (const state of chosen(STATES)) {
    const servers = await Promise.all(versions.map((version) => serve({ field, shares }, version)));
    // Fills the caches of code and files.
    for (const version of versions) {
      await start({ field, shares }, version, HOSTS.length, state, 'together');
    }
    for (const way of chosen(WAYS)) await measure({ field, shares }, versions, state, way);
    for (const server of servers) server.kill();
    await Promise.all(servers.map(({ ended }) => ended));
  }
}

/** Those of `all` that are asked for; where none is, all. */
function chosen<T extends string>(all: readonly T[]): readonly T[] {
  const some = all.filter((one) => wanted.includes(one));
  return some.length > 0 ? some : all;
}

async function measure(
  bench: Bench,
  versions: readonly Version[],
  state: State,
  way: Way,
): Promise<void> {
  for (const version of versions) [version.one, version.all] = [[], []];
  if (way === 'link') await setLink(bench.field, LINK_MBIT * share);
  for (let round = 0; round < Number(rounds); round++) {
    for (const version of versions) {
      version.one.push(await start(bench, version, 1, state, way));
      version.all.push(await start(bench, version, HOSTS.length, state, way));
    }
  }
  if (way === 'link') await setLink(bench.field, null);
  for (const version of versions) print(state, way, version);
}

/** What the head sends to all machines together goes no faster; null: as fast as it can. */
async function setLink(field: HostField, mbit: number | null): Promise<void> {
  const words = ['dev', 'hub', 'root'];
  if (mbit === null) words.unshift('del');
  else words.unshift('add');
  const rate = mbit === null ? [] : ['tbf', 'rate', `${mbit}mbit`, ...LINK_BUFFERS];
  const { code, stderr } = await field.runOnHead('tc', 'qdisc', ...words, ...rate);
  if (code !== 0) throw new Error(`the link could not be made slower: ${stderr}`);
}

/** Each version talks to a server of its own. */
async function serve({ field, shares }: Bench, { root, port }: Version): Promise<Running> {
  const words = ['serve', '--listen', `0.0.0.0:${port}`, '--insecure', '--state', `${port}`];
  const program = [...shares.enter('head'), join(root, 'bin/windrow')];
  const server = field.sweep.start(words, { program });
  await server.until('the server listens', () => server.stdout().includes('serving'));
  return server;
}

async function start(
  bench: Bench,
  { root, built, port }: Version,
  count: number,
  state: State,
  way: Way,
): Promise<Round> {
  const { field, shares } = bench;
  if (state === 'cold') {
    await Promise.all(HOSTS.map((name) => field.host(name).run('sh', '-c', FORGET)));
  }
  const where = ['--executables', built, '--state', String(port)];
  const command = ['start', `${count}.txt`, ...where, '--at-least', String(count)];
  const before = { hosts: hostCpu(field), busyMs: busyMs(), sinceMs: performance.now() };
  shares.hold(way !== 'together');
  const took = await onHead(bench, [join(root, 'bin/windrow'), ...command], way);
  const held = shares.release();
  const busy = busyMs() - before.busyMs;
  const elapsedMs = performance.now() - before.sinceMs;
  const { receivingMs, workerMs } = hostCpu(field);
  await field.sweep.must(0, 'stop', `${count}.txt`, '--now');
  const ours = [...held.values()].reduce((sum, { cpuMs }) => sum + cpuMs, 0);
  const head = HEAD.map((name) => held.get(name)!);
  return {
    wallMs: took.wallMs,
    headMs: took.cpuMs,
    serverMs: head.reduce((sum, { cpuMs }) => sum + cpuMs, 0) - took.cpuMs,
    receivingMs: receivingMs - before.hosts.receivingMs,
    workerMs: workerMs - before.hosts.workerMs,
    otherCpus: (busy - ours) / elapsedMs,
    headThrottled: throttled(head),
    hostsThrottled: throttled(HOSTS.slice(0, count).map((name) => held.get(name)!)),
  };
}

function throttled(all: readonly Held[]): number {
  const sum = (key: keyof Held) => all.reduce((total, one) => total + one[key], 0);
  return sum('throttled') / Math.max(1, sum('periods'));
}

/** Runs a command in the head's group. The shell's clock begins when it is there. */
async function onHead(
  { field, shares }: Bench,
  argv: readonly string[],
  way: Way,
): Promise<{ wallMs: number; cpuMs: number }> {
  const script = 'TIMEFORMAT="%R %U %S"; time "$@" >/dev/null 2>errors';
  const place = [...field.enterHead(field.sweep.directory), ...shares.enter('head')];
  const [file, ...words] = [...place, 'bash', '-c', script, 'bash', ...argv];
  const path = [way === 'cores' ? join(folder, 'path') : dirname(SSH), process.env.PATH];
  const child = spawn(file!, words, {
    env: field.sweep.environment({ PATH: path.join(':') }),
    cwd: field.sweep.directory,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [said, [status]] = await Promise.all([text(child.stderr), once(child, 'close')]);
  if (status !== 0) throw new Error(field.sweep.read('errors'));
  const [wall = 0, user = 0, system = 0] = said.trim().split(' ').map(Number);
  return { wallMs: wall * 1000, cpuMs: (user + system) * 1000 };
}

/** Time of all processors of this machine that was not idle: proc(5) stat, the line of `cpu`. */
function busyMs(): number {
  const [, ...ticks] = readFileSync('/proc/stat', 'utf8').split('\n')[0]!.split(/ +/).map(Number);
  // idle and iowait are the fourth and fifth; time of guests, behind the eighth, is in the first two.
  const busy = ticks.slice(0, 8).filter((_, at) => at !== 3 && at !== 4);
  return busy.reduce((sum, count) => sum + count, 0) * TICK_MS;
}

/** User and system time of all processes of the hosts, and of those that they waited for. */
function hostCpu(field: HostField): HostCpu {
  let [receivingMs, workerMs] = [0, 0];
  for (const name of HOSTS) {
    const host = field.host(name);
    receivingMs += ticksOf(host.initPid) * TICK_MS;
    for (const { pid, argv } of host.processes()) {
      const tookMs = ticksOf(pid) * TICK_MS;
      if (argv[0]?.includes('windrow')) workerMs += tookMs;
      else receivingMs += tookMs;
    }
  }
  return { receivingMs, workerMs };
}

function ticksOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // utime, stime, cutime, cstime: fields 14 to 17 of proc(5) stat.
    return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  } catch {
    return 0; // it has ended since
  }
}

function print(state: State, way: Way, { root, one, all }: Version): void {
  const of = (rounds: readonly Round[], key: keyof Round) =>
    median(rounds.map((round) => round[key]));
  const count = HOSTS.length;
  const further = (key: keyof Round) => ((of(all, key) - of(one, key)) / (count - 1)).toFixed(0);
  const each = (key: keyof Round) => (of(all, key) / count).toFixed(0);
  const percent = (key: keyof Round) => `${(100 * of(all, key)).toFixed(0)} %`;
  const ratio = of(all, 'wallMs') / of(one, 'wallMs');
  console.log(
    `${state}, ${way}: 1 machine ${of(one, 'wallMs').toFixed(0)} ms, ${count} machines ${of(all, 'wallMs').toFixed(0)} ms: ${ratio.toFixed(2)} times (${root})`,
  );
  console.log(
    `  CPU of each machine: receiving ${each('receivingMs')} ms, worker ${each('workerMs')} ms; of the head ${of(one, 'headMs').toFixed(0)} ms, for each further machine ${further('headMs')} ms; of the server ${of(one, 'serverMs').toFixed(0)} ms, for each further one ${further('serverMs')} ms`,
  );
  const cores = availableParallelism();
  const others = `others kept ${of(all, 'otherCpus').toFixed(2)} of ${cores} processors busy`;
  if (way === 'together') return console.log(`  ${others}`);
  const sum = (share * (count + (way === 'cores' ? HEAD.length : 1))).toFixed(2);
  console.log(
    `  a share of ${share} each, ${sum} in all; ${others}; of their periods of 10 ms the head had to wait in ${percent('headThrottled')}, machines in ${percent('hostsThrottled')}`,
  );
}
