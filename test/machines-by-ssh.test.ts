/**
 * `windrow start`, `exec` and `stop` on machines with real sshd, each of another kind of trouble.
 * Those that are well run a sweep.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { builtExecutable } from './built-executable.ts';
import { makeKey } from './field/host.ts';
import {
  HEAD_ADDRESS,
  type HostField,
  type HostSpec,
  whyNoHosts,
  withHosts,
} from './field/hosts.ts';
import type { SeenProcess } from './field/processes.ts';
import { putStandIns } from './field/stand-in.ts';
import type { Running } from './field/sweep-field.ts';
import { until } from './field/until.ts';

const skip = whyNoHosts();

/** Listens where the machines can reach it. */
async function serve(field: HostField, ...more: string[]): Promise<Running> {
  const listen = ['--listen', '0.0.0.0:8980', '--insecure'];
  const server = field.sweep.start(['serve', ...listen, ...more]);
  await server.until('the server listens', () => server.stdout().includes('serving'));
  return server;
}

async function executables(): Promise<string[]> {
  return ['--executables', dirname(await builtExecutable('linux-x64'))];
}

/** A worker has given its directory up an instant before its process is gone. */
function noWorkerLeft(field: HostField, ...names: string[]): Promise<unknown> {
  const workers = () =>
    everybodyOn(field, ...names).filter(({ argv }) => argv.includes('--session-stdin'));
  return until('no worker is left', () => workers().length === 0);
}

interface Told {
  readonly machine: string;
  readonly state: string;
  readonly program: string;
  readonly url: string;
  readonly pid: number;
  readonly error: { readonly code: string; readonly message: string; readonly todo: string } | null;
}

describe('windrow start', { skip }, () => {
  test('names the trouble of each machine, and the good ones run a sweep', async () => {
    const specs: HostSpec[] = [
      { name: 'good1', shared: ['nfs'] },
      { name: 'good2', shared: ['nfs'], shell: '/usr/bin/fish' },
      { name: 'down' },
      { name: 'refusing', sshd: false },
      { name: 'newkey' },
      { name: 'badkey' },
      { name: 'full', setup: 'mount -t tmpfs -o size=2m,uid=61001,mode=700 small /srv' },
      { name: 'alien', setup: fakeUname('Linux mips64') },
      { name: 'noexec', setup: 'mount -t tmpfs -o noexec,mode=777 noexec /srv' },
      { name: 'nologin', shell: '/usr/sbin/nologin' },
      { name: 'locked' },
      { name: 'stranger' },
    ];
    await withHosts(specs, async (field) => {
      const { sweep } = field;
      const known = join(sweep.home, '.ssh/known_hosts');
      makeKey(join(sweep.home, 'other'));
      const other = readFileSync(join(sweep.home, 'other.pub'), 'utf8');
      const lines = readFileSync(known, 'utf8').split('\n');
      writeFileSync(
        known,
        lines
          .filter((line) => !line.startsWith('stranger,'))
          .map((line) => (line.startsWith('newkey,') ? `newkey ${other.trim()}` : line))
          .join('\n'),
      );
      writeFileSync(join(field.host('badkey').directory, 'home/.ssh/authorized_keys'), other);
      field.cut('down');
      const list = [
        '# the rack',
        'good1 slots=2 dir=/srv/nfs/windrow',
        'good2 slots=2 dir=/srv/nfs/windrow  # the same disk',
        'down',
        'refusing',
        'newkey',
        'badkey',
        'full dir=/srv/windrow',
        'alien',
        'noexec dir=/srv/windrow',
        'nologin',
        'nowhere',
        'locked dir=/usr/windrow',
        'stranger',
        'ada@good1 dir=/unmounted/disk/windrow',
      ];
      const nodes = sweep.write('nodes.txt', `${list.join('\n')}\n`);
      const server = await serve(field);
      // A dozen logins at once take their time where the machine is busy.
      const options = [...(await executables()), '--connect-timeout', '8s', '--at-least', '2'];
      const { up, machines } = await sweep.json('start', nodes, ...options);
      const found = Object.fromEntries(
        machines.map(({ machine, state, error }: Told) => [machine, error?.code ?? state]),
      );
      assert.deepEqual(found, {
        'good1:/srv/nfs/windrow': 'started',
        good2: 'started',
        down: 'PILOT_HOST_UNREACHABLE',
        refusing: 'PILOT_HOST_REFUSES',
        newkey: 'PILOT_HOST_KEY_CHANGED',
        badkey: 'PILOT_LOGIN_REFUSED',
        full: 'PILOT_DISK_FULL',
        alien: 'PILOT_NO_EXECUTABLE',
        noexec: 'PILOT_DIRECTORY_NOEXEC',
        nologin: 'PILOT_SHELL_UNUSABLE',
        nowhere: 'PILOT_HOST_NAME_UNKNOWN',
        locked: 'PILOT_DIRECTORY_UNWRITABLE',
        stranger: 'PILOT_HOST_KEY_UNKNOWN',
        'ada@good1:/unmounted/disk/windrow': 'PILOT_DIRECTORY_MISSING',
      });
      assert.equal(up, 2);
      const programs = machines.flatMap(({ program }: Told) => (program ? [program] : []));
      assert.deepEqual(programs.toSorted()[0], 'copied');
      assert.ok(
        programs.length === 2 && programs.toSorted()[1] !== 'copied',
        'one copy for one disk',
      );
      for (const { error, machine } of machines as Told[]) {
        if (error)
          assert.ok(error.message.includes(machine) && error.todo.length > 10, error.message);
      }
      await runSweep(field);
      const others = list.filter((line) => line !== 'down').join('\n');
      const stopped = await sweep.must(1, 'stop', sweep.write('others.txt', `${others}\n`));
      assert.match(stopped.stdout, /good2 +stopped/);
      await noWorkerLeft(field, 'good1', 'good2');
      server.kill();
      await server.ended;
    });
  });

  test('keeps the session out of every command line, environment and file of the machines', async () => {
    await withHosts([{ name: 'n1' }, { name: 'n2' }], async (field) => {
      const { sweep } = field;
      const server = await serve(field);
      const secret = sweep.read('home/state/windrow/session').trim();
      const nodes = sweep.write('nodes.txt', 'n1\nn2\n');
      const start = sweep.start(['start', nodes, ...standIns(field, 'sleep 0.5')]);
      let isOver = false;
      void start.ended.then(() => (isOver = true));
      const shown = new Set<string>();
      let looks = 0;
      while (!isOver) {
        for (const { pid } of [...sweep.processes(), ...everybodyOn(field, 'n1', 'n2')]) {
          if (isShownBy(pid, secret)) shown.add(String(readOf(pid, 'cmdline')));
        }
        looks++;
        await delay(10);
      }
      assert.equal((await start.ended).code, 0);
      assert.ok(looks > 5, `${looks} looks`);
      assert.deepEqual([...shown], []);
      for (const name of ['n1', 'n2']) {
        const { directory } = field.host(name);
        const found = await field.runOnHead('grep', '-rlF', secret, directory);
        assert.equal(found.stdout, '', 'a file holds the session');
      }
      await sweep.must(0, 'stop', nodes);
      server.kill();
      await server.ended;
    });
  });

  test('says so when machines cannot reach the server, and leaves no worker behind', async () => {
    await withHosts([{ name: 'n1' }], async (field) => {
      const { sweep } = field;
      const nodes = sweep.write('nodes.txt', 'n1\n');
      const local = sweep.start(['serve', '--listen', '127.0.0.1:8980']);
      await local.until('the server listens', () => local.stdout().includes('serving'));
      const refused = await sweep.must(1, 'start', nodes, ...standIns(field));
      assert.match(refused.stderr, /127\.0\.0\.1:8980 only.*\n.*--listen HOST:PORT/);
      const elsewhere = [
        ...standIns(field),
        '--connect-timeout',
        '3s',
        '--advertise',
        `${HEAD_ADDRESS}:9`,
      ];
      const lost = await sweep.must(1, 'start', nodes, ...elsewhere);
      assert.match(
        lost.stderr,
        /n1: the worker there cannot reach the server at http:\/\/10\.77\.0\.1:9/,
      );
      await noWorkerLeft(field, 'n1');
      local.kill();
      await local.ended;
    });
  });

  test('starts anew on a machine that was switched off and on, and ends a worker without its server', async () => {
    await withHosts([{ name: 'n1' }], async (field) => {
      const { sweep } = field;
      const nodes = sweep.write('nodes.txt', 'n1 slots=2\n');
      const server = await serve(field);
      await sweep.must(0, 'start', nodes, ...standIns(field));
      await field.crash('n1');
      await field.boot('n1');
      const { machines } = await sweep.json('start', nodes, ...standIns(field));
      assert.equal(machines[0].state, 'started', 'the lock from before tells of nobody');
      const token = ['--token-file', join(sweep.home, 'state/windrow/admin-token')];
      const run = ['run', '--server', `http://${HEAD_ADDRESS}:8980`, ...token, '--range', 'i=1..2'];
      const running = sweep.start([...run, '--', 'sleep 1000']);
      const programs = () =>
        field
          .host('n1')
          .processes()
          .filter(({ argv }) => argv.includes('1000'));
      await running.until('the tasks run', () => programs().length >= 2);
      server.kill();
      await server.ended;
      running.kill();
      await running.ended;
      await sweep.must(0, 'stop', nodes, '--now');
      await noWorkerLeft(field, 'n1');
      assert.deepEqual(programs(), []);
    });
  });
});

describe('windrow exec', { skip }, () => {
  test('runs a command everywhere at once, and says where it failed', async () => {
    const specs = [
      { name: 'n1' },
      { name: 'n2', shell: '/usr/bin/fish' },
      { name: 'off', sshd: false },
    ];
    await withHosts(specs, async (field) => {
      const { sweep } = field;
      const nodes = sweep.write('nodes.txt', 'n1\nn2 via=n1\noff\n');
      const one = await sweep.must(
        1,
        'exec',
        nodes,
        '--',
        'echo "I am $(uname -n)"; echo ${SSH_CONNECTION%% *}',
      );
      const lines = one.stdout
        .split('\n')
        .filter((line) => line !== '')
        .sort();
      assert.deepEqual(lines, [
        `n1: ${HEAD_ADDRESS}`,
        'n1: I am n1',
        `n2: ${field.host('n1').address}`,
        'n2: I am n2',
      ]);
      assert.match(one.stderr, /off is there, but nothing answers.*\n.*\n.*PILOT_HOST_REFUSES/);
      const only = sweep.write('two.txt', 'n1\nn2\n');
      const words = await sweep.must(0, 'exec', only, '--', 'printf', '%s\\n', '$HOME', "it's");
      assert.equal(
        words.stdout.split('\n').sort().join('|'),
        "|n1: $HOME|n1: it's|n2: $HOME|n2: it's",
      );
      const failed = JSON.parse(
        (await sweep.must(1, 'exec', only, '--json', '--', 'test $(uname -n) = n1')).stdout,
      );
      assert.deepEqual(
        failed.machines.map(({ machine, exitCode }: { machine: string; exitCode: number }) => [
          machine,
          exitCode,
        ]),
        [
          ['n1', 0],
          ['n2', 1],
        ],
      );
      const sleeping = sweep.start(['exec', only, '--', 'echo begun; sleep 1000']);
      await sleeping.until('it runs', () => sleeping.stdout().split('begun').length === 3);
      sleeping.interrupt();
      assert.equal((await sleeping.ended).code, 130);
      const left = () => everybodyOn(field, 'n1', 'n2').filter(({ argv }) => argv.includes('1000'));
      await until('the command ends where it ran', () => left().length === 0);
    });
  });
});

function everybodyOn(field: HostField, ...names: string[]): SeenProcess[] {
  return names.flatMap((name) => field.host(name).processes());
}

function readOf(pid: number, what: 'cmdline' | 'environ'): string {
  try {
    return readFileSync(`/proc/${pid}/${what}`, 'utf8');
  } catch {
    return ''; // it has ended since
  }
}

function isShownBy(pid: number, secret: string): boolean {
  return readOf(pid, 'cmdline').includes(secret) || readOf(pid, 'environ').includes(secret);
}

/** Quick to copy. @param before what they do first */
function standIns(field: HostField, before = ''): string[] {
  const folder = field.sweep.path('executables');
  putStandIns(folder, { before });
  return ['--executables', folder];
}

function fakeUname(said: string): string {
  return `printf '#!/bin/sh\\necho ${said}\\n' >/run/uname; chmod 755 /run/uname; mount --bind /run/uname /usr/bin/uname`;
}

async function runSweep(field: HostField): Promise<void> {
  const { sweep } = field;
  const server = `http://${HEAD_ADDRESS}:8980`;
  const token = ['--token-file', join(sweep.home, 'state/windrow/admin-token')];
  const command = "expr $i '*' $i; uname -n >&2";
  const run = ['run', '--server', server, ...token, '--range', 'i=1..40', '--output', 'out'];
  await sweep.must(0, ...run, '--', command);
  const expected = Array.from({ length: 40 }, (_, index) => String((index + 1) ** 2));
  assert.deepEqual(sweep.lines('out/stdout'), expected);
}
