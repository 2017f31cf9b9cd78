import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, test } from 'node:test';
import { HEAD_ADDRESS, whyNoHosts, withHosts } from './field/hosts.ts';
import { until } from './field/until.ts';

describe('the hosts of tests', { skip: whyNoHosts() }, () => {
  test('are machines of their own that ssh reaches, and can be cut off and crash', async () => {
    let directory = '';
    const shared = ['nfs'];
    const specs = [
      { name: 'n1', shared },
      { name: 'n2', shared },
      { name: 'mute', sshd: false },
    ];
    await withHosts(specs, async (field) => {
      directory = field.directory;
      const ssh = (host: string, command: string) =>
        field.runOnHead('ssh', '-oBatchMode=yes', '-oConnectTimeout=15', host, command);
      const facts = 'hostname; id -un; pwd; cat /proc/sys/kernel/random/boot_id';
      const [one, two, mute] = await Promise.all([
        ssh('n1', facts),
        ssh('n2', facts),
        ssh('mute', ':'),
      ]);
      const [name, user, home, boot] = one.stdout.split('\n');
      assert.deepEqual([name, user, home], ['n1', 'ada', '/home/ada'], one.stderr);
      assert.equal(two.stdout.split('\n')[0], 'n2');
      assert.notEqual(two.stdout.split('\n')[3], boot);
      assert.match(mute.stderr, /refused/);

      await ssh('n1', 'echo mine >/srv/nfs/seen; echo mine >/tmp/seen');
      const seen = await ssh('n2', 'cat /srv/nfs/seen; ls /tmp');
      assert.equal(seen.stdout, 'mine\n');
      const ping = (patience: string) =>
        field.host('n1').run('ping', '-c1', `-W${patience}`, HEAD_ADDRESS);
      assert.equal((await ping('15')).code, 0);
      field.cut('n1');
      assert.equal((await ping('1')).code, 1);
      field.lose('n1', 30);
      const many = await field.host('n1').run('ping', '-q', '-c40', '-i0.01', '-W1', HEAD_ADDRESS);
      const received = Number(/(\d+) received/.exec(many.stdout)?.[1]);
      assert.ok(received > 0 && received < 40, many.stdout);
      field.heal('n1');
      assert.equal((await ping('15')).code, 0);

      await ssh('n1', 'setsid sleep 1000 </dev/null >/dev/null 2>&1 &');
      const left = () =>
        field
          .host('n1')
          .processes()
          .filter(({ argv }) => argv[0] === 'sleep');
      const [sleeper] = await until('the program runs', () => (left().length ? left() : null));
      process.kill(sleeper!.pid, 'SIGKILL');
      await until(
        'what nobody waits for is cleared away',
        () => !existsSync(`/proc/${sleeper!.pid}`),
      );
      await field.crash('n1');
      assert.equal((await ssh('n1', ':')).code, 255);
      await field.boot('n1');
      assert.equal((await ssh('n1', 'cat /tmp/seen')).stdout, 'mine\n');
    });
    assert.equal(existsSync(directory), false);
  });
});
