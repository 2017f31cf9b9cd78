/** The fence and the last stage, started by both starters as they are for attempts. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { findLauncher, openStarter } from '../open-starter.ts';
import type { Starter } from '../port.ts';
import { isAlive, sh, start, temporaryFolder, until } from '../starter-world.ts';
import { syscallFilter } from '../syscalls/filter.ts';
import { findTool, runTool } from '../tool.ts';
import type { LaunchWalls } from '../walls/launch.ts';
import { bubblewrapArguments } from './bubblewrap.ts';
import { lastStageArguments } from './last-stage.ts';
import { probeFence } from './probe.ts';

const launcher = findLauncher();
const bwrap = findTool('bwrap');
const filter = syscallFilter(process.arch);
const skip =
  launcher === null || bwrap === null || filter === null
    ? 'the launcher or bubblewrap is not there'
    : false;

const stage = {
  account: null,
  mark: null,
  limits: [],
  keys: true,
  noPrivileges: true,
  filter: true,
} as const;

/** Everything that needs neither directories nor an account of its own. */
function walls(
  t: TestContext,
  more: Partial<Parameters<typeof lastStageArguments>[0]> = {},
): LaunchWalls {
  const path = join(temporaryFolder(t), 'filter');
  writeFileSync(path, filter!);
  const prefix = bubblewrapArguments({
    bwrap: bwrap!,
    mounts: [
      { kind: 'bind', source: '/', target: '/' },
      { kind: 'devices', target: '/dev', sharedMemoryBytes: null },
      { kind: 'processes', target: '/proc' },
    ],
    userNamespace: process.getuid?.() !== 0,
    cgroupNamespace: true,
    emptyNetwork: true,
    directory: '/',
  });
  const last = lastStageArguments({ ...stage, launcher: '/proc/self/fd/5', init: true, ...more });
  return {
    prefix: [...prefix, ...last],
    cgroups: [],
    namespaces: [],
    files: [path, launcher!],
    guarded: true,
  };
}

for (const kind of ['launcher', 'spawn'] as const) {
  suite(`behind a fence, by ${kind}`, { skip }, () => {
    const open = (t: TestContext): Starter => {
      const starter = openStarter({ launcherPath: kind === 'launcher' ? launcher : null });
      t.after(() => starter.close());
      return starter;
    };

    test('why walls cannot be put up is told once, whatever was tried, and is no output of a program', async (t) => {
      const said: string[] = [];
      const fence = walls(t);
      const at = fence.prefix.indexOf('--unshare-pid');
      const prefix = fence.prefix.toSpliced(at, 0, '--bind', '/nowhere', '/mnt');
      const program = open(t).start({
        ...{ file: '/bin/true', argv: ['true'], environment: {}, directory: '/', stdin: null },
        ...{ timeoutMs: 60_000, killGraceMs: 0, walls: { ...fence, prefix } },
        onOutput: (stream, bytes) => void said.push(`${stream} ${bytes}`),
      });
      const end = await program.ended;
      assert.equal('failed' in end && end.code, 'WALLS_FAILED');
      assert.equal(said.join('').match(/nowhere/g)?.length, 1, said.join(''));
      assert.match(said[0]!, /^stderr bwrap/);
    });

    test('output in pieces, and much of it, comes whole from behind walls', async (t) => {
      const command = 'echo a; sleep 0.02; echo b >&2; head -c 300000 /dev/zero; echo c';
      const { stdout, stderr } = await sh(open(t), command, { walls: walls(t) });
      assert.deepEqual([stdout.length, stderr], [300_004, 'b\n']);
    });

    test('exit codes and signals are the program’s own', async (t) => {
      const starter = open(t);
      const fence = walls(t);
      for (const code of [0, 1, 126, 129, 137, 255]) {
        const { end } = await sh(starter, `exit ${code}`, { walls: fence });
        assert.deepEqual([end.exitCode, end.signal], [code, null]);
      }
      for (const signal of ['SIGKILL', 'SIGSEGV', 'SIGTERM']) {
        const { end } = await sh(starter, `kill -${signal.slice(3)} $$`, { walls: fence });
        assert.deepEqual([end.exitCode, end.signal], [null, signal]);
      }
    });

    test('a program that cannot be started is refused with its errno', async (t) => {
      const starter = open(t);
      for (const [file, code] of [
        ['/nothing/here', 'ENOENT'],
        ['no-such-program', 'ENOENT'],
        ['/etc/passwd', 'EACCES'],
      ] as const) {
        const end = await start(starter, file, [], { walls: walls(t) }).ended;
        assert.ok('failed' in end);
        assert.equal(end.code, code);
      }
    });

    test('walls that cannot be put up are told from programs that fail', async (t) => {
      const starter = open(t);
      const fence = walls(t);
      const prefix = [bwrap!, '--no-such-option', ...fence.prefix.slice(1)];
      const started = start(starter, 'sh', ['-c', 'exit 1'], { walls: { ...fence, prefix } });
      const end = await started.ended;
      assert.ok('failed' in end);
      assert.equal(end.code, 'WALLS_FAILED');
      assert.match(started.stderr().toString(), /no-such-option/);
      const nowhere = { ...fence, cgroups: ['/nothing/cgroup.procs'] };
      const unjoined = await start(starter, 'sh', ['-c', ':'], { walls: nowhere }).ended;
      assert.ok('failed' in unjoined && unjoined.code === 'WALLS_FAILED');
    });

    test('the program sees only its own processes, and what it leaves behind is ended and counted', async (t) => {
      const starter = open(t);
      const { end, stdout } = await sh(
        starter,
        'echo $$; ls /proc | grep -c "^[0-9]"; for i in 1 2 3; do (setsid sleep 1000 &); done',
        { walls: walls(t) },
      );
      assert.equal(end.strays, 3);
      const [pid, count] = stdout.split('\n').map(Number);
      assert.ok(pid! < 10 && count! < 10, stdout);
    });

    test('SIGTERM reaches the program, which may use its grace, and not what guards it', async (t) => {
      const starter = open(t);
      const started = start(
        starter,
        'sh',
        ['-c', 'trap "echo asked; exit 7" TERM; echo ready; while :; do sleep 0.05; done'],
        { walls: walls(t) },
      );
      await started.seen(/ready/);
      started.program.kill(60_000);
      const end = await started.ended;
      assert.ok(!('failed' in end));
      assert.equal(end.exitCode, 7);
      assert.match(started.stdout().toString(), /asked/);
    });

    test('a timeout ends everything behind the fence', async (t) => {
      const starter = open(t);
      const started = start(
        starter,
        'sh',
        [
          '-c',
          'trap "" TERM; (trap "" TERM; setsid sleep 777 & ) ; echo ready; while :; do sleep 1; done',
        ],
        { walls: walls(t), timeoutMs: 1500, killGraceMs: 100 },
      );
      const end = await started.ended;
      assert.ok(!('failed' in end));
      assert.equal(end.timedOut, true);
      assert.equal(end.signal, 'SIGKILL');
    });

    test('no descriptor but the three is open, and no privilege is left', async (t) => {
      const { stdout } = await sh(
        open(t),
        'ls /proc/self/fd | tr "\\n" " "; grep -E "^(Cap(Inh|Prm|Eff|Amb)|NoNewPrivs|Seccomp):" /proc/self/status',
        { walls: walls(t) },
      );
      // 3 is the directory that ls reads.
      assert.match(stdout, /^0 1 2 3 /);
      for (const set of ['Inh', 'Prm', 'Eff', 'Amb']) {
        assert.match(stdout, new RegExp(`Cap${set}:\\s+0+\\n`));
      }
      assert.match(stdout, /NoNewPrivs:\s+1\n/);
      assert.match(stdout, /Seccomp:\s+2\n/);
    });
  });
}

suite('the last stage without a fence', { skip }, () => {
  const open = (t: TestContext) => {
    const starter = openStarter({ launcherPath: launcher });
    t.after(() => starter.close());
    return starter;
  };
  const alone = (options: Partial<Parameters<typeof lastStageArguments>[0]>): LaunchWalls => ({
    prefix: lastStageArguments({
      launcher: launcher!,
      init: false,
      account: null,
      mark: null,
      limits: [],
      keys: false,
      noPrivileges: false,
      filter: false,
      ...options,
    }),
    cgroups: [],
    namespaces: [],
    files: ['/dev/null'],
    guarded: false,
  });

  test('resource limits hold', async (t) => {
    const limits = [
      { resource: 'nofile', soft: 17, hard: 19 },
      { resource: 'core', soft: 0, hard: Number.POSITIVE_INFINITY },
    ];
    const { stdout } = await sh(open(t), 'ulimit -Sn; ulimit -Hn; ulimit -Sc; ulimit -Hc', {
      walls: alone({ limits }),
    });
    assert.deepEqual(stdout.split('\n').slice(0, 3), ['17', '19', '0']);
  });

  test('orphans are still found and ended', async (t) => {
    const { end, stdout } = await sh(open(t), '(setsid sleep 1000 & echo $!) ; :', {
      walls: alone({ noPrivileges: true }),
    });
    assert.equal(end.strays, 1);
    await until(() => !isAlive(Number(stdout)));
  });

  test('root, unknown limits and unknown options are refused before anything runs', async (t) => {
    const starter = open(t);
    for (const prefix of [
      ['--user', '0:0'],
      ['--user', '65534:0'],
      ['--user', '4294967295:1'],
      ['--user', '65534'],
      ['--limit', 'nofile=1'],
      ['--limit', 'nofile=2:x'],
      ['--limit', 'colour=1:1'],
      ['--unknown'],
    ]) {
      const walls = { ...alone({}), prefix: [launcher!, 'inside', ...prefix, '--'] };
      const started = start(starter, 'sh', ['-c', 'echo ran'], { walls });
      const end = await started.ended;
      assert.ok('failed' in end && end.code === 'WALLS_FAILED', prefix.join(' '));
      assert.equal(started.stdout().length, 0);
    }
  });

  test('it guards nothing where it is not the first process: what it kills at the end would be all', async (t) => {
    const unshare = findTool('unshare');
    if (unshare === null) return t.skip('no unshare');
    const own = ['--user', '--map-root-user', '--pid', '--fork', 'sh', '-c'];
    const guard = '"$0" inside --init -- /bin/true true 3>/dev/null; echo "ended with $?"';
    const { stdout, fault } = await runTool([unshare, ...own, guard, launcher!]);
    assert.equal(fault, '');
    assert.equal(stdout, 'ended with 126\n');
  });

  test('as root it becomes another account with nothing of root left', async (t) => {
    if (process.getuid?.() !== 0) return t.skip('only root can become somebody else');
    const account = { name: 'x', uid: 54_321, gid: 54_322, groups: [54_322, 0, 54_323] };
    const { stdout } = await sh(open(t), 'id -u; id -g; id -G; grep CapBnd /proc/self/status', {
      walls: alone({ account, noPrivileges: true }),
    });
    assert.match(stdout, /^54321\n54322\n54322 54323\nCapBnd:\s+0+\n$/);
  });
});

test('trying finds every wall on a machine that has all, and says what is missing on one that has not', {
  skip,
}, async (t) => {
  const path = join(temporaryFolder(t), 'filter');
  writeFileSync(path, filter!);
  const uid = process.getuid!();
  const lastStage = { launcher: launcher!, filter: path };
  let opened = 0;
  const openOne = () => {
    opened++;
    return openStarter({ launcherPath: launcher });
  };
  const whole = await probeFence({ uid }, lastStage, openOne);
  const { fence, abilities } = whole;
  assert.ok(fence);
  assert.equal(opened, 1, 'who has all of them is seen with one try');
  // When that one fails, the walls are tried one by one, and as many are found.
  let tries = 0;
  const firstFails = () => openStarter({ launcherPath: tries++ === 0 ? '/nowhere' : launcher });
  assert.deepEqual(await probeFence({ uid }, lastStage, firstFails), whole);
  assert.ok(tries > 5);
  const unable = abilities.filter(({ able }) => !able).map(({ wall }) => wall);
  assert.deepEqual(unable, uid === 0 ? [] : ['account']);
  const without = await probeFence({ uid }, null, openOne);
  assert.equal(without.fence, null);
  for (const ability of without.abilities) {
    assert.ok(!ability.able && ability.remedy.includes('npm rebuild'));
  }
});
