/**
 * Starting workers on one machine and on eight, by ssh: `node bench/hosts.ts [rounds [CHECKOUT]]`, as
 * root. The machines are namespaces of this one with a real sshd each (test/field/hosts.ts), so all of
 * their work shares its cores, which no rack does: the CPU time of both sides is told too, and what
 * of it would be left to the head if each machine had cores of its own. Another checkout is measured
 * in turns with this one. Each is bundled first.
 *
 *   cold  nothing is on the machines: the executable is copied, one copy each
 *   warm  the executable is there
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type HostField, whyNoHosts, withHosts } from '../test/field/hosts.ts';
import type { Running } from '../test/field/sweep-field.ts';
import { median } from './measured-process.ts';

const [rounds = '3', ...others] = process.argv.slice(2);
const HOSTS = ['n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7', 'n8'];
const FIRST_PORT = 8980;
/** Clock ticks of proc(5) stat, USER_HZ. */
const TICK_MS = 10;

/**
 * ext4 looks at each file that was removed within the last minutes before it makes another: small files
 * are kept, or the next start would take 0.1 s of CPU more than on a machine that was left alone.
 */
const FORGET = `
  [ -d .cache ] || exit 0
  kept=$(mktemp -d ./kept-XXXXXX) && mv .cache/windrow/parts "$kept" && rm -rf .cache`;

type State = 'cold' | 'warm';

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
  readonly headMs: number;
}

const why = whyNoHosts();
if (why) throw new Error(why);
const folder = mkdtempSync(join(tmpdir(), 'windrow-bench-'));
try {
  const versions = [join(import.meta.dirname, '..'), ...others].map(build);
  await withHosts(
    HOSTS.map((name) => ({ name })),
    (field) => compare(field, versions),
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function build(checkout: string, at: number): Version {
  const root = resolve(checkout);
  const built = join(folder, String(at));
  execFileSync(process.execPath, [join(root, 'scripts/build-bundle.mjs')]);
  const words = ['--output', built, '--platform', 'linux-x64', '--level', '9'];
  execFileSync(process.execPath, [join(root, 'scripts/build-executable.ts'), ...words]);
  return { root, built, port: FIRST_PORT + at, one: [], all: [] };
}

async function compare(field: HostField, versions: readonly Version[]): Promise<void> {
  for (const count of [1, HOSTS.length]) {
    field.sweep.write(`${count}.txt`, `${HOSTS.slice(0, count).join('\n')}\n`);
  }
  for (const state of ['cold', 'warm'] as const) {
    const servers = await Promise.all(versions.map((version) => serve(field, version)));
    // Fills the caches of code and files.
    for (const version of versions) await start(field, version, HOSTS.length, state);
    for (const version of versions) [version.one, version.all] = [[], []];
    for (let round = 0; round < Number(rounds); round++) {
      for (const version of versions) {
        version.one.push(await start(field, version, 1, state));
        version.all.push(await start(field, version, HOSTS.length, state));
      }
    }
    for (const version of versions) print(state, version);
    for (const server of servers) server.kill();
    await Promise.all(servers.map(({ ended }) => ended));
  }
}

/** Each version talks to a server of its own. */
async function serve(field: HostField, { root, port }: Version): Promise<Running> {
  const words = ['serve', '--listen', `0.0.0.0:${port}`, '--insecure', '--state', `${port}`];
  const server = field.sweep.start(words, { program: [join(root, 'bin/windrow')] });
  await server.until('the server listens', () => server.stdout().includes('serving'));
  return server;
}

async function start(
  field: HostField,
  { root, built, port }: Version,
  count: number,
  state: State,
): Promise<Round> {
  if (state === 'cold') {
    await Promise.all(HOSTS.map((name) => field.host(name).run('sh', '-c', FORGET)));
  }
  const before = hostCpu(field);
  const beganMs = performance.now();
  const where = ['--executables', built, '--state', String(port)];
  const command = ['start', `${count}.txt`, ...where, '--at-least', String(count)];
  const words = field.enterHead(field.sweep.directory);
  const script = 'TIMEFORMAT="%U %S"; time "$@" >/dev/null 2>errors';
  const argv = [...words, 'bash', '-c', script, 'bash', join(root, 'bin/windrow'), ...command];
  const { status, stderr } = spawnSync(argv[0]!, argv.slice(1), {
    env: field.sweep.environment(),
    cwd: field.sweep.directory,
    encoding: 'utf8',
  });
  const wallMs = performance.now() - beganMs;
  if (status !== 0) throw new Error(field.sweep.read('errors'));
  const [user = 0, system = 0] = stderr.trim().split(' ').map(Number);
  const { receivingMs, workerMs } = hostCpu(field);
  await field.sweep.must(0, 'stop', `${count}.txt`, '--now');
  return {
    wallMs,
    headMs: (user + system) * 1000,
    receivingMs: receivingMs - before.receivingMs,
    workerMs: workerMs - before.workerMs,
  };
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

function print(state: State, { root, one, all }: Version): void {
  const of = (rounds: readonly Round[], key: keyof Round) =>
    median(rounds.map((round) => round[key]));
  const count = HOSTS.length;
  const ratio = of(all, 'wallMs') / of(one, 'wallMs');
  const furtherMs = (of(all, 'headMs') - of(one, 'headMs')) / (count - 1);
  const headMs = (furtherMs * (count - 1)) / availableParallelism();
  const apart = (of(one, 'wallMs') + headMs) / of(one, 'wallMs');
  const each = (key: keyof Round) => (of(all, key) / count).toFixed(0);
  console.log(
    `${state}: 1 machine ${of(one, 'wallMs').toFixed(0)} ms, ${count} machines ${of(all, 'wallMs').toFixed(0)} ms: ${ratio.toFixed(2)} times (${root})`,
  );
  console.log(
    `  CPU of each machine: receiving ${each('receivingMs')} ms, worker ${each('workerMs')} ms; of the head ${of(one, 'headMs').toFixed(0)} ms, for each further machine ${furtherMs.toFixed(0)} ms`,
  );
  console.log(`  with cores of their own: ${apart.toFixed(2)} times, computed`);
}
