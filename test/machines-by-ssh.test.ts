/**
 * `windrow start`, `exec` and `stop` on machines with real sshd, each of another kind of trouble.
 * Those that are well run a sweep.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { builtExecutable } from './built-executable.ts';
import { makeKey } from './field/host.ts';
import {
  HEAD_ADDRESS,
  type HostField,
  type HostSpec,
  whyNoHosts,
  withHosts,
} from './field/hosts.ts';
import type { Running } from './field/sweep-field.ts';

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

function workersOf(field: HostField, name: string) {
  return field
    .host(name)
    .processes()
    .filter(({ argv }) => argv[1] === 'worker');
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
        'ada@good1 dir=/unmounted/disk/windrow',
      ];
      const nodes = sweep.write('nodes.txt', `${list.join('\n')}\n`);
      const server = await serve(field);
      const options = [...(await executables()), '--connect-timeout', '3s', '--at-least', '2'];
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
        'ada@good1:/unmounted/disk/windrow': 'PILOT_DIRECTORY_MISSING',
      });
      assert.equal(up, 2);
      for (const { error, machine } of machines as Told[]) {
        if (error)
          assert.ok(error.message.includes(machine) && error.todo.length > 10, error.message);
      }
      await runSweep(field);
      const stopped = await sweep.must(1, 'stop', nodes, '--connect-timeout', '3s');
      assert.match(stopped.stdout, /good2 +stopped/);
      assert.deepEqual([...workersOf(field, 'good1'), ...workersOf(field, 'good2')], []);
      server.kill();
      await server.ended;
    });
  });
});

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
