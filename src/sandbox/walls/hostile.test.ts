/**
 * Programs that try to climb each wall, once behind it and once without it. They run as whoever runs
 * the tests; where that is root, once more as an ordinary user.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Wall } from '#model';
import { findLauncher } from '../open-starter.ts';
import { mountsWithin } from '../place/loosen.ts';
import { findTool } from '../tool.ts';
import { Journal } from './journal.ts';
import { openWalledField, type WalledField } from './testing.ts';

const isRoot = process.getuid?.() === 0;
const who = isRoot ? 'root' : 'an ordinary user';
const skip =
  findLauncher() === null || findTool('bwrap') === null ? 'no launcher or no bubblewrap' : false;

let field: WalledField;

suite(`walls of a worker that is ${who}`, { skip }, () => {
  before(async () => {
    field = await openWalledField();
  });
  after(async () => {
    await field.close();
    assert.deepEqual(field.complaints, []);
  });

  /** `got in` is what the command prints when it has climbed the wall. */
  async function climbs(walls: readonly Wall[], command: string): Promise<boolean> {
    const { stdout, stderr } = await field.run(walls, `${command} && echo got in`);
    assert.ok(stdout.length + stderr.length >= 0);
    return /got in/.test(stdout);
  }

  async function holds(wall: Wall, command: string, without: readonly Wall[] = []): Promise<void> {
    assert.equal(await climbs(without, command), true, `without ${wall}: ${command}`);
    assert.equal(await climbs([...without, wall], command), false, `with ${wall}: ${command}`);
  }

  test('a neighbour can neither be seen, signalled, traced nor read', async () => {
    const { gid, uid } = { uid: process.getuid!(), gid: process.getgid!() };
    const neighbour = spawn('sleep', ['1000'], { stdio: 'ignore', uid, gid });
    try {
      const pid = neighbour.pid!;
      await holds('pid', `kill -0 ${pid} 2>/dev/null`);
      await holds('pid', `cat /proc/${pid}/cmdline >/dev/null 2>&1`);
      await holds('pid', `ls /proc/${pid}/fd >/dev/null 2>&1`);
      assert.equal(neighbour.exitCode, null);
    } finally {
      neighbour.kill('SIGKILL');
      await once(neighbour, 'exit');
    }
  });

  test('daemons that fork twice end with the program, and nothing outlives it', async () => {
    const { end, stdout } = await field.run(
      ['pid'],
      'for i in 1 2 3 4 5; do (setsid sh -c "env -i sleep 1000 & " >/dev/null 2>&1 &) ; done; sleep 0.2; echo done',
    );
    assert.match(stdout, /done/);
    assert.ok(end.strays >= 5, String(end.strays));
  });

  test('the scratch of another attempt and the files of the worker are not there', async () => {
    const other = join(field.directory, 'scratch', 'other');
    mkdirSync(other, { recursive: true, mode: 0o700 });
    writeFileSync(join(other, 'secret'), 'x');
    writeFileSync(join(field.directory, 'session'), 'secret');
    await holds('files', `cat ${other}/secret >/dev/null 2>&1`);
    await holds('files', `cat ${field.directory}/session >/dev/null 2>&1`);
    await holds('files', `ls ${field.directory}/walls >/dev/null 2>&1`);
    for (const directory of [other, join(other, '..'), field.directory]) {
      const started = field.run(['files'], 'ls', { site: { directory } });
      await assert.rejects(started, { code: 'WALLS_DIRECTORY_CLOSED' }, directory);
    }
  });

  test('/tmp is its own, so that no link there leads anybody astray, and it is gone at the end', async () => {
    const trap = `/tmp/windrow-trap-${process.pid}-${process.getuid?.()}`;
    const set = `ln -s /etc/passwd ${trap}`;
    try {
      assert.equal(await climbs(['tmp'], set), true);
      assert.equal(existsSync(trap), false);
      assert.equal(await climbs([], set), true);
      assert.equal(existsSync(trap), true);
    } finally {
      spawnSync('rm', ['-f', trap]);
    }
    assert.deepEqual(leftInPrivate(), []);
  });

  test('a directory that a program left as it found it is the next one’s, and no other is', async () => {
    // Not /tmp, in which this worker's own directory lies.
    const site = { mountUnderScratch: ['/var/tmp'] };
    const found = async (does: string) => {
      const look = 'stat -c "%i %a" /var/tmp; ls -A /var/tmp';
      const { stdout, end } = await field.run(['tmp'], `${look}; ${does}`, { site });
      assert.equal(end.exitCode, 0);
      return stdout;
    };
    const first = await found(':');
    assert.match(first, /^\d+ 700\n$/);
    assert.equal(await found('chmod 0777 /var/tmp'), first);
    assert.match(await found('mkdir /var/tmp/x'), /^\d+ 700\n$/);
    assert.match(await found('touch /var/tmp/x; rm /var/tmp/x'), /^\d+ 700\n$/);
    assert.match(await found('[ "$(stat -c %u /var/tmp)" = "$(id -u)" ]'), /^\d+ 700\n$/);
    assert.deepEqual(leftInPrivate(), []);
  });

  test('nothing outside can be written behind a read-only wall', async () => {
    const outside = join('/var/tmp', `windrow-outside-${process.pid}-${process.getuid?.()}`);
    try {
      await holds('readonly', `echo x > ${outside}`);
    } finally {
      spawnSync('rm', ['-f', outside]);
    }
    assert.equal(await climbs(['readonly'], 'echo x > mine && cat mine'), true);
  });

  test('no privilege can be gained, and system calls that reach into the kernel are refused', async () => {
    const status = (word: string, value: string) =>
      `grep -qE "^${word}:.*${value}" /proc/self/status`;
    await holds('privileges', status('NoNewPrivs', '0'));
    await holds('syscalls', status('Seccomp', '0'));
    const python = findTool('python3');
    if (python === null) return;
    // unshare(2), keyctl(2), bpf(2) and kexec_load(2) by number: EPERM is 1.
    const numbers = process.arch === 'x64' ? [272, 250, 321, 246] : [97, 219, 280, 104];
    for (const number of numbers) {
      const call = `ctypes.CDLL(None, use_errno=True).syscall(${number}, 0, 0, 0, 0, 0)`;
      const script = `import ctypes; r = ${call}; print(r, ctypes.get_errno())`;
      const { stdout } = await field.run(['syscalls'], `${python} -c '${script}'`);
      assert.equal(stdout, '-1 1\n', `system call ${number}`);
    }
  });

  test('mounts, namespaces, device nodes and changes of the host name are refused', async () => {
    for (const command of [
      'mount -t tmpfs none /mnt 2>/dev/null',
      'unshare -U true 2>/dev/null',
      'mknod node b 7 0 2>/dev/null',
      'hostname changed 2>/dev/null',
      'chroot / true 2>/dev/null',
    ]) {
      assert.equal(
        await climbs(['pid', 'privileges', 'syscalls', 'hostname'], command),
        false,
        command,
      );
    }
    assert.equal(await climbs([], 'unshare -U true 2>/dev/null'), true);
  });

  test('there is no network behind a network wall but loopback', async () => {
    const count = '[ $(tail -n +3 /proc/net/dev | grep -vc " *lo:") -gt 0 ]';
    await holds('network', count);
  });

  test('no device of the machine’s network, and no group of other attempts, has its name anywhere in /sys', async () => {
    const names = readdirSync('/sys/class/net').filter((name) => name !== 'lo');
    const find = `find /sys -name lo ${names.map((name) => `-o -name ${name}`).join(' ')} 2>/dev/null | head -3`;
    const devices = `[ "$(${find})" ]`;
    await holds('network', devices, ['pid']);
    if (existsSync('/sys/fs/cgroup')) await holds('pid', '[ "$(ls /sys/fs/cgroup)" ]');
  });

  test('shared memory is its own', async () => {
    const made = `/dev/shm/windrow-${process.pid}-${process.getuid?.()}`;
    try {
      assert.equal(await climbs(['ipc'], `echo x > ${made}`), true);
      assert.equal(existsSync(made), false);
      assert.equal(await climbs([], `echo x > ${made}`), true);
      assert.equal(existsSync(made), true);
    } finally {
      spawnSync('rm', ['-f', made]);
    }
  });

  test('only harmless devices are there', async () => {
    const { stdout } = await field.run(['devices'], 'ls /dev');
    assert.deepEqual(
      stdout
        .split('\n')
        .filter((name) => /^(kvm|fuse|loop|vd|sd|mem|kmsg|console$)/.test(name))
        .filter((name) => name !== 'console'),
      [],
    );
  });

  test('the keyring is its own', async () => {
    const keyctl = findTool('keyctl');
    if (keyctl === null) return;
    await holds('keys', `${keyctl} show 2>&1 | grep -q _uid_ses`);
  });

  test('a set-user-ID program stays what its caller is', {
    skip: !isRoot && 'only root makes one',
  }, async () => {
    const { plan, stdout } = await field.run(
      'private',
      'cp /usr/bin/id own-id && chmod u+s own-id && ./own-id -u; id -u; grep CapBnd /proc/self/status',
    );
    const account = plan.record.account;
    assert.notEqual(account, 'root');
    assert.match(stdout, /^(\d+)\n\1\nCapBnd:\s+0+\n$/);
    assert.doesNotMatch(stdout, /^0\n/);
  });

  test('every level has its walls, and the record says so', async () => {
    for (const [level, had] of [
      ['bare', 0],
      ['private', 10],
      ['full', 12],
    ] as const) {
      const { plan } = await field.run(level, 'true');
      assert.equal(plan.record.wanted, level);
      assert.ok(plan.record.had.length >= had, `${level}: ${plan.record.had}`);
    }
  });

  test('walls that are required and not possible are refused with their names', async () => {
    const isolation = { require: ['disk'] } as const;
    await assert.rejects(field.run('bare', 'true', { isolation }), /disk/);
  });

  test('many attempts at once and one after the other leave nothing behind', async () => {
    const before = leftovers();
    for (let round = 0; round < 3; round++) {
      const all = Array.from({ length: 20 }, (_, index) =>
        field.run(
          index % 2 === 0 ? 'full' : 'private',
          'mkdir -p a/b; touch a/b/c /tmp/x; chmod 0 a; (setsid sleep 100 &) ; echo ok',
        ),
      );
      for (const { stdout } of await Promise.all(all)) assert.equal(stdout, 'ok\n');
    }
    assert.deepEqual(leftovers(), before);
    assert.deepEqual(leftInPrivate(), []);
    const unfinished = new Journal(field.directory).unfinished();
    assert.deepEqual(
      unfinished.filter(({ name }) => name !== 'shared'),
      [],
    );
  });
});

suite(`shared file systems of a worker that is ${who}`, { skip }, () => {
  let shared: string;
  let own: WalledField;
  before(async () => {
    shared = realpathSync(mkdtempSync('/var/tmp/windrow-shared-'));
    for (const path of ['', 'results', 'results/mine', 'other', 'other/sub']) {
      mkdirSync(join(shared, path), { recursive: true });
      chmodSync(join(shared, path), 0o777);
    }
    const missing = join(shared, 'missing');
    const writable = [join(shared, 'results'), missing];
    own = await openWalledField({ shared: [shared, missing], writable });
  });
  after(async () => {
    await own.close();
    rmSync(shared, { recursive: true });
    assert.deepEqual(own.complaints, []);
  });

  const writes = async (path: string, write: readonly string[]) => {
    const { stdout } = await own.run(['files'], `touch ${shared}/${path} && echo got in`, {
      isolation: { write },
      site: { mountUnderScratch: [] },
    });
    return /got in/.test(stdout);
  };

  test('they are read-only but for what the site lists and the job asks for', async () => {
    const results = join(shared, 'results');
    assert.equal(await writes('other/x', []), false);
    assert.equal(await writes('results/x', []), false);
    assert.equal(await writes('results/x', [results]), true);
    assert.equal(await writes('results/mine/x', [join(results, 'mine')]), true);
    assert.equal(await writes('other/x', [results]), false);
    for (const path of [join(shared, 'other'), join(results, '..', 'other'), '/etc', '/']) {
      await assert.rejects(writes('other/x', [path]), { code: 'WRITE_REFUSED' });
    }
    await assert.rejects(writes('x', [join(shared, 'missing')]), /there is no directory/);
  });

  test('a link that a job makes where it may write leads the next one nowhere else', async () => {
    const results = join(shared, 'results');
    assert.equal(await writes('results/y', [results]), true);
    symlinkSync('../other', join(results, 'link'));
    assert.equal(await writes('other/sub/x', [join(results, 'link', 'sub')]), false);
    assert.equal(await writes('other/x', [join(results, 'link')]), false);
  });
});

/** Empty directories wait there for the next attempt. */
function leftInPrivate(): string[] {
  const folder = join(field.directory, 'private');
  return readdirSync(folder).flatMap((name) => readdirSync(join(folder, name)));
}

/** What this worker has outside of its files: mounts in its directory, cgroups with its tag. */
function leftovers(): string[] {
  const mounts = mountsWithin(field.directory, readFileSync('/proc/self/mountinfo', 'utf8'));
  const processes = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => environmentOf(pid).includes(`HOME=${field.directory}`));
  return [...mounts.map(({ path }) => path), ...processes];
}

function environmentOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    return '';
  }
}

test('the same holds for a worker that is an ordinary user', {
  skip: skip || (!isRoot && 'it is one'),
}, async (t) => {
  const setpriv = findTool('setpriv');
  const here = fileURLToPath(import.meta.url);
  const user = ['--reuid', '54329', '--regid', '54329', '--clear-groups'];
  const canRead = spawnSync(setpriv!, [...user, 'test', '-r', here]).status === 0;
  if (setpriv === null || !canRead) return t.skip('other users cannot read the tests');
  const child = spawn(setpriv, [...user, process.execPath, '--test', here], {
    env: { PATH: process.env.PATH, HOME: '/nonexistent' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stdout.on('data', (bytes) => {
    said += bytes;
  });
  const [code] = await once(child, 'close');
  assert.equal(code, 0, said);
  assert.match(said, /pass/);
});
