import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { describe, test } from 'node:test';
import { type HostField, whyNoHosts, withHosts } from './field/hosts.ts';
import { until } from './field/until.ts';

/** Brought along as an input: behind walls the checkout may not be seen. */
const CALLER = resolve(import.meta.dirname, '../src/sandbox/network/testing/caller.py');
const SITE = '10.77.0.11';
const WORLD = '10.77.0.12';
/** The site is one machine here, so that another one of the same wire is the world. */
const SETTINGS = `[network]\ninternal = ${SITE}/32\nprepared = 2\n[cost]\noutgoing = 100\n`;

/** A head that forwards, and two machines with something to talk to. */
function withPeers(use: (field: HostField) => Promise<void>): Promise<void> {
  return withHosts(
    [
      { name: 'site', sshd: false },
      { name: 'world', sshd: false },
    ],
    async (field) => {
      field.sweep.write('home/.config/windrow/windrow.conf', SETTINGS);
      await field.runOnHead('sysctl', '-qw', 'net.ipv4.ip_forward=1');
      const peer = 'python3 -u /mnt/windrow/src/sandbox/network/testing/peer.py';
      const peers = ['site', 'world'].map((name) => field.host(name).spawn(['sh', '-c', peer]));
      try {
        await Promise.all(
          peers.map((child) => new Promise((ready) => child.stdout!.once('data', ready))),
        );
        await use(field);
        assert.deepEqual(await leftOnHead(field), []);
      } finally {
        for (const child of peers) child.kill();
      }
    },
  );
}

/** What Windrow makes on a machine for networks, by the names that it gives. */
async function leftOnHead(field: HostField): Promise<string[]> {
  const { stdout } = await field.runOnHead(
    'sh',
    '-c',
    'nft list tables; ip -br link show type veth; ls /run/netns 2>/dev/null; ip route show',
  );
  return stdout.split('\n').filter((line) => /windrow-|^w[0-9a-f]{8}-|^198\.18\./.test(line));
}

function sweep(command: string, values: string): string {
  return `command = ${JSON.stringify(command)}
[isolation]
walls = "full"
network = "accounted"
[inputs]
"caller.py" = { file = ${JSON.stringify(CALLER)} }
[parameters.set]
x = [${values}]
`;
}

describe('a sweep with counted networks', { skip: whyNoHosts() }, () => {
  test('has the bytes of each attempt in its record, their sums, and their price', async () => {
    await withPeers(async (field) => {
      const command = 'python3 caller.py take $x';
      const values = [`'${SITE} 1000000'`, `'${WORLD} 3000000'`, `'${WORLD} 5000000'`];
      field.sweep.write('sweep.toml', sweep(command.replace('$x', '${x:raw}'), values.join(', ')));
      await field.sweep.must(0, 'run', 'sweep.toml');

      const state = ['--state', field.sweep.path('results/.windrow')];
      const { attempts } = await field.sweep.json('show', '1', '--attempts', ...state);
      const sent = Object.fromEntries(
        attempts.map(({ task, usage }: Attempt) => [task, usage.network]),
      );
      near(sent[0].OutgoingInternal, 1e6);
      near(sent[1].OutgoingExternal, 3e6);
      near(sent[2].OutgoingExternal, 5e6);
      assert.equal(sent[0].OutgoingExternal + sent[1].OutgoingInternal, 0);
      const [{ walls }] = attempts;
      assert.deepEqual([walls.network, walls.account], ['accounted', 'nobody']);
      for (const wall of ['network', 'account', 'privileges', 'files', 'readonly']) {
        assert.ok(walls.had.includes(wall), `no wall ${wall}: ${walls.had}`);
      }

      const stats = await field.sweep.json('stats', '1', ...state);
      near(stats.network.OutgoingExternal, 8e6);
      const cost = await field.sweep.json('stats', '1', '--cost', ...state);
      assert.deepEqual(
        cost.lines.map(({ what }: { what: string }) => what),
        ['outgoing'],
      );
      near(cost.total * 1e7, 8e6);
      const { stdout } = await field.sweep.must(0, 'show', '1.0', ...state);
      assert.match(stdout, /network OutgoingInternal \d+\.?\d* [KM]iB, IncomingInternal/);
    });
  });

  test('is held by its walls: what would undo the counting is refused', async () => {
    await withPeers(async (field) => {
      const tries = [
        'ip link set eth0 down',
        'ip addr add 198.18.9.9/32 dev eth0',
        'nft list ruleset',
        'for n in /run/netns/*; do nsenter --net=$n true && exit 0; done; exit 1',
        'nsenter --net=/proc/1/ns/net ip link set lo down',
        'unshare --net --map-root-user true',
        `python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)'`,
        `python3 -c 'import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)'`,
        `python3 caller.py connect 10.77.0.1 $1 2`,
        `python3 caller.py connect 127.0.0.1 $1 2`,
        `python3 caller.py connect 198.18.0.1 $1 2`,
      ];
      const script = tries.map(
        (command, n) => `(${command}) >/dev/null 2>&1 && echo "climbed ${n}"`,
      );
      field.sweep.write('climb.sh', `#!/bin/sh\n${script.join('\n')}\necho done\n`, 0o755);
      const port = '8999';
      field.sweep.write('sweep.toml', sweep('./climb.sh $x', port));
      await field.sweep.must(0, 'run', 'sweep.toml', '--listen', `127.0.0.1:${port}`);
      assert.equal(field.sweep.read('results/stdout'), 'done\n');
    });
  });

  test('goes on after its worker was killed, and nothing is left of either', async () => {
    await withPeers(async (field) => {
      field.sweep.write(
        'sweep.toml',
        sweep(`python3 caller.py take ${SITE} $x; sleep 1000`, '1000'),
      );
      const run = field.sweep.start(['run', 'sweep.toml']);
      const made = async () =>
        (await leftOnHead(field)).some((line) => line.startsWith('windrow-'));
      await until('an attempt has a network', made);
      for (const { pid } of field.sweep.processes()) process.kill(pid, 'SIGKILL');
      await run.ended;
      assert.ok(await made());
      field.sweep.write('sweep.toml', sweep(`python3 caller.py take ${SITE} $x`, '1000'));
      await field.sweep.must(0, 'run', 'sweep.toml');
    });
  });
});

interface Attempt {
  readonly task: number;
  readonly usage: { readonly network: Record<string, number> };
}

/** Packets have headers. */
function near(found: number, sent: number): void {
  assert.ok(found >= sent && found < sent * 1.1 + 1000, `counted ${found}, sent ${sent}`);
}
