/**
 * Starting workers on one machine and on eight, by ssh: `node bench/hosts.ts [rounds]`, as root.
 * The machines are namespaces of this one with a real sshd each (test/field/hosts.ts), so all of
 * their work shares its cores, which no rack does: the CPU time of both sides is told too, and what
 * of it would be left to the head if each machine had cores of its own.
 *
 *   cold  nothing is on the machines: the executable is copied, one copy each
 *   warm  the executable is there
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type HostField, whyNoHosts, withHosts } from '../test/field/hosts.ts';
import { median, WINDROW } from './measured-process.ts';

const rounds = Number(process.argv[2] ?? 3);
const ROOT = resolve(import.meta.dirname, '..');
const HOSTS = ['n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7', 'n8'];
/** Clock ticks of proc(5) stat, USER_HZ. */
const TICK_MS = 10;

interface Round {
  readonly wallMs: number;
  readonly headCpuMs: number;
  readonly hostCpuMs: number;
}

const why = whyNoHosts();
if (why) throw new Error(why);
const built = mkdtempSync(join(tmpdir(), 'windrow-bench-'));
try {
  const build = ['--output', built, '--platform', 'linux-x64', '--level', '9'];
  execFileSync(process.execPath, [join(ROOT, 'scripts/build-executable.ts'), ...build]);
  await withHosts(
    HOSTS.map((name) => ({ name })),
    async (field) => {
      for (const count of [1, HOSTS.length]) {
        field.sweep.write(`${count}.txt`, `${HOSTS.slice(0, count).join('\n')}\n`);
      }
      const server = field.sweep.start(['serve', '--listen', '0.0.0.0:8980', '--insecure']);
      await server.until('the server listens', () => server.stdout().includes('serving'));
      await start(field, HOSTS.length, 'warm'); // fills the caches of code and files
      for (const state of ['cold', 'warm'] as const) {
        const one: Round[] = [];
        const all: Round[] = [];
        for (let round = 0; round < rounds; round++) {
          one.push(await start(field, 1, state));
          all.push(await start(field, HOSTS.length, state));
        }
        print(state, one, all);
      }
      server.kill();
      await server.ended;
    },
  );
} finally {
  rmSync(built, { recursive: true, force: true });
}

async function start(field: HostField, count: number, state: 'cold' | 'warm'): Promise<Round> {
  if (state === 'cold') {
    await Promise.all(HOSTS.map((name) => field.host(name).run('rm', '-rf', '.cache')));
  }
  const before = hostCpuMs(field);
  const beganMs = performance.now();
  const command = ['start', `${count}.txt`, '--executables', built, '--at-least', String(count)];
  const words = field.enterHead(field.sweep.directory);
  const script = 'TIMEFORMAT="%U %S"; time "$@" >/dev/null 2>/dev/null';
  const argv = [...words, 'bash', '-c', script, 'bash', WINDROW, ...command];
  const { stderr } = spawnSync(argv[0]!, argv.slice(1), {
    env: field.sweep.environment(),
    cwd: field.sweep.directory,
    encoding: 'utf8',
  });
  const wallMs = performance.now() - beganMs;
  const [user = 0, system = 0] = stderr.trim().split(' ').map(Number);
  const hosts = hostCpuMs(field) - before;
  await field.sweep.must(0, 'stop', `${count}.txt`, '--now');
  return { wallMs, headCpuMs: (user + system) * 1000, hostCpuMs: hosts };
}

/** User and system time of all processes of the hosts, and of those that they waited for. */
function hostCpuMs(field: HostField): number {
  let ticks = 0;
  for (const name of HOSTS) {
    const host = field.host(name);
    for (const pid of [host.initPid, ...host.processes().map((one) => one.pid)]) {
      ticks += ticksOf(pid);
    }
  }
  return ticks * TICK_MS;
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

function print(state: string, one: readonly Round[], all: readonly Round[]): void {
  const at = (rounds: readonly Round[], key: keyof Round) =>
    median(rounds.map((round) => round[key]));
  const ratio = at(all, 'wallMs') / at(one, 'wallMs');
  const more = HOSTS.length - 1;
  const headMs = (at(all, 'headCpuMs') - at(one, 'headCpuMs')) / more;
  const apart = (at(one, 'wallMs') + (headMs * more) / availableParallelism()) / at(one, 'wallMs');
  console.log(
    `${state}: 1 machine ${at(one, 'wallMs').toFixed(0)} ms, ${HOSTS.length} machines ${at(all, 'wallMs').toFixed(0)} ms: ${ratio.toFixed(2)} times`,
  );
  console.log(
    `  CPU of each machine ${(at(all, 'hostCpuMs') / HOSTS.length).toFixed(0)} ms; of the head for each further one ${headMs.toFixed(0)} ms`,
  );
  console.log(`  with cores of their own: ${apart.toFixed(2)} times, computed`);
}
