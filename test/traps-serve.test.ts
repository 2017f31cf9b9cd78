import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { openCliWorld } from './cli-world.ts';
import { inField, type Running, type SweepField } from './field/sweep-field.ts';
import { until } from './field/until.ts';

const isRoot = process.getuid?.() === 0;

async function startCollector(
  field: SweepField,
  ...argv: string[]
): Promise<{ running: Running; url: string }> {
  const state = ['--state', field.path('collector'), '--port', '0', '--user', 'root'];
  const running = field.start(['traps', 'serve', ...state, ...argv]);
  const found = await running.until('it serves', () => /http:\S+/.exec(running.stdout()));
  return { running, url: found[0] };
}

function write(directory: string, path: string, text: string): void {
  const whole = join(directory, path);
  mkdirSync(dirname(whole), { recursive: true });
  writeFileSync(whole, text);
}

async function stop(running: Running): Promise<void> {
  process.kill(running.pid, 'SIGTERM');
  assert.equal((await running.ended).code, 0);
}

/** An address of this machine that does not say so. */
const ownAddress = Object.values(networkInterfaces())
  .flatMap((all) => all ?? [])
  .find(({ internal, family }) => !internal && family === 'IPv4')?.address;
const noOwnAddress = ownAddress === undefined && 'this machine has loopback alone';

describe('windrow traps', () => {
  it('sends, lists, acknowledges, silences and remembers traps', () =>
    inField(async (field) => {
      const { running, url } = await startCollector(field);
      const token = ['--token-file', field.path('collector/admin-token')];
      const list = async (...argv: string[]) =>
        (await field.json('traps', 'ls', url, ...argv)).traps;
      await field.must(0, 'traps', 'send', 'the fan stands still', url, '--category', 'critical');
      const disk = ['--condition', 'disk', '--node', 'rack7-1', '--fs', 'work'];
      await field.must(0, 'traps', 'send', 'the disk is full', url, ...disk);
      assert.deepEqual(
        (await list()).map(({ message, category, kind }: Record<string, unknown>) => [
          message,
          category,
          kind,
        ]),
        [
          ['the fan stands still', 2, 'event'],
          ['the disk is full', 1, 'raise'],
        ],
      );
      const [{ id }] = await list('--fs', 'work');
      const acknowledged = await field.must(
        0,
        ...['traps', 'ack', id.slice(0, 8), url, '--by', 'ada', '--comment', 'on it', ...token],
      );
      assert.match(acknowledged.stdout, /ack ada/);
      const { stderr } = await field.must(1, 'traps', 'ack', 'fffffff', url, ...token);
      assert.match(stderr, /no trap fffffff holds here[\s\S]*TRAP_UNKNOWN/);
      const silence = ['traps', 'silence', url, ...token];
      const made = await field.json(
        ...silence,
        '--node',
        'rack7-*',
        '--for',
        '1 h',
        '--reason',
        'x',
      );
      assert.deepEqual((await list()).length, 1);
      assert.match((await field.must(0, ...silence, '--list')).stdout, /rack7-\*.*in (1 h|59 min)/);
      // Killed, it remembers what was acknowledged, silenced and told.
      running.kill();
      await running.ended;
      const again = await startCollector(field);
      const after = await field.json('traps', 'ls', again.url, '--all');
      assert.deepEqual(
        after.traps.map((trap: { acknowledged: { by: string } | null; silence: string | null }) => [
          trap.acknowledged?.by,
          trap.silence,
        ]),
        [
          [undefined, null],
          ['ada', made.silences[0].id],
        ],
      );
      await field.must(0, 'traps', 'silence', again.url, ...token, '--end', made.silences[0].id);
      await field.must(0, 'traps', 'send', 'room again', again.url, ...disk, '--clear');
      const past = await field.must(0, 'traps', 'ls', again.url, '--history', '10');
      assert.match(past.stdout, /over +the disk is full[\s\S]*end +room again/);
      const lines = [
        '{"node":"n1","message":"a","category":1}',
        'nonsense',
        '{"node":"n2","mesage":"b"}',
      ];
      const piped = field.start(['traps', 'send', '-', again.url], { stdin: lines.join('\n') });
      const sent = await piped.ended;
      assert.deepEqual([sent.code, sent.stdout], [1, '3 received, 1 stored, 2 malformed\n']);
      assert.match(sent.stderr, /not taken: line 3: "mesage" is no field, did you mean message\?/);
      await stop(again.running);
    }));

  it('says what is wrong, and what to do', () =>
    inField(async (field) => {
      const wrong = async (code: number, ...argv: string[]) =>
        (await field.must(code, 'traps', ...argv)).stderr;
      assert.match(
        await wrong(1, 'ls', '127.0.0.1:1'),
        /does not answer: connection refused[\s\S]*COLLECTOR_UNREACHABLE/,
      );
      assert.match(await wrong(1, 'ls', 'a b'), /COLLECTOR_ADDRESS_WRONG/);
      assert.match(await wrong(2, 'send', 'x', '--clear'), /--clear needs the --condition/);
      assert.match(await wrong(2, 'send', ' '), /the message is empty/);
      assert.match(await wrong(2, 'silence', '--node', 'x'), /--for/);
      assert.match(await wrong(2, 'silence', '--node', 'x', '--for', '400 d'), /1 s to 366 d/);
      assert.match(await wrong(2, 'ls', '--history', '10001'), /at most 10000/);
      assert.match(await wrong(1, 'ack', 'x'), /TRAP_TOKEN_MISSING/);
      assert.match(await wrong(2, 'silence', '--for', '1 h'), /--node, --fs or --message/);
      const other = createServer((_request, response) => response.end('{"hello": 1}'));
      await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
      const { port } = other.address() as AddressInfo;
      try {
        assert.match(await wrong(1, 'ls', `127.0.0.1:${port}`), /is no trap collector of Windrow/);
      } finally {
        other.closeAllConnections();
        other.close();
      }
    }));

  it('sends a token only to whom it is for, and not in clear to another machine', () =>
    inField(async (field) => {
      const heard: (string | undefined)[] = [];
      const other = createServer((request, response) => {
        heard.push(request.headers.authorization);
        response.writeHead(401).end();
      });
      // 0.0.0.0 reaches this machine under an address that does not say so.
      await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
      const url = `http://0.0.0.0:${(other.address() as AddressInfo).port}`;
      try {
        const token = 'a'.repeat(43);
        const file = field.path('home', 'state', 'windrow', 'admin-token');
        write(dirname(file), 'admin-token', `${token}\n`);
        chmodSync(dirname(file), 0o700);
        chmodSync(file, 0o600);
        const ack = ['traps', 'ack', 'x', url];
        const named = ['--token-file', file];
        assert.match((await field.must(1, ...ack)).stderr, /TRAP_TOKEN_NOT_OURS/);
        assert.match((await field.must(1, ...ack, '--insecure')).stderr, /TRAP_TOKEN_NOT_OURS/);
        assert.match((await field.must(1, ...ack, ...named)).stderr, /TRAP_TOKEN_IN_CLEAR/);
        assert.deepEqual(heard, []);
        await field.must(1, ...ack, ...named, '--insecure');
        assert.deepEqual(heard, [`Bearer ${token}`]);
      } finally {
        other.closeAllConnections();
        other.close();
      }
    }));

  it('counts the addresses of its own interfaces as this machine', { skip: noOwnAddress }, () =>
    inField(async (field) => {
      const heard: (string | undefined)[] = [];
      const here = createServer((request, response) => {
        heard.push(request.headers.authorization);
        response.writeHead(401).end();
      });
      await new Promise<void>((resolve) => here.listen(0, ownAddress, resolve));
      try {
        const file = field.path('home', 'state', 'windrow', 'admin-token');
        write(dirname(file), 'admin-token', `${'a'.repeat(43)}\n`);
        chmodSync(dirname(file), 0o700);
        chmodSync(file, 0o600);
        const url = `http://${ownAddress}:${(here.address() as AddressInfo).port}`;
        await field.must(1, 'traps', 'ack', 'x', url);
        assert.deepEqual(heard, [`Bearer ${'a'.repeat(43)}`]);
      } finally {
        here.closeAllConnections();
        here.close();
      }
    }),
  );

  it('without a history writes nothing, and takes no changes', () =>
    inField(async (field) => {
      const { running, url } = await startCollector(field, '--history', '0');
      await field.must(0, 'traps', 'send', 'x', url);
      assert.equal(existsSync(field.path('collector')), false);
      field.write('token', 'a-token-of-somebody-else', 0o600);
      const changed = await field.must(
        1,
        'traps',
        'ack',
        'x',
        url,
        '--token-file',
        field.path('token'),
      );
      assert.match(changed.stderr, /TRAP_CHANGES_OFF/);
      await stop(running);
    }));
});

describe('the settings of the collector', () => {
  it('come from the user file, then --filename, then options; later ones win', async () => {
    const cli = openCliWorld();
    try {
      write(
        cli.directory,
        '.config/windrow/traps.ini',
        '; mine\n[traps]\np = 1\nm = 2\nhost = a\nfold = 3 s\n',
      );
      write(
        cli.directory,
        'site.ini',
        'port = 10\nmaxtraps = 20\nallow = 10.0.0.0/8, ::1 192.0.2.7\nlustre-root = tree\n',
      );
      const served = await cli.windrow('traps', 'serve', '-f', 'site.ini', '-m', '100', '-h', '');
      assert.deepEqual([served.code, served.stderr], [0, '']);
      const { settings, given } = cli.asked[0]!.options as {
        settings: Record<string, unknown>;
        given: object;
      };
      const { port, maxTraps, host, foldMs, allow, lustreRoot, daemon } = settings;
      assert.deepEqual(
        { port, maxTraps, host, foldMs, allow, lustreRoot, daemon },
        {
          ...{ port: 10, maxTraps: 100, host: '', foldMs: 3000 },
          ...{ allow: ['10.0.0.0/8', '::1', '192.0.2.7'], daemon: false },
          lustreRoot: `${cli.directory}/tree`,
        },
      );
      assert.deepEqual(given, ['--host=', '--filename=site.ini', '--maxtraps=100']);
    } finally {
      cli.close();
    }
  });

  it('that are unknown, bad or twice are named with file and line, all of them', async () => {
    const cli = openCliWorld();
    try {
      write(
        cli.directory,
        'bad.ini',
        '# x\nport = 99999\nhos = a\nmaxtraps = many\nallow = 10.0.0.0/40\nd = perhaps\nm = 3\n[other]\nx = 1\n',
      );
      const { code, stderr } = await cli.windrow('traps', 'serve', '--filename', 'bad.ini');
      assert.equal(code, 2);
      assert.match(stderr, /windrow traps serve --help/);
      for (const problem of [
        'bad.ini:2: port: found "99999", expected a whole number, at most 65535',
        'bad.ini:3: hos is no setting, did you mean host?',
        'bad.ini:4: maxtraps: found "many", expected a whole number',
        'bad.ini:5: allow: found "10.0.0.0/40", expected addresses or ranges',
        'bad.ini:6: daemon: found "perhaps", expected yes or no',
        'bad.ini:7: m stands already in line 4',
        'bad.ini:9: x in [other] is no setting',
      ]) {
        assert.ok(stderr.includes(problem), `${problem}\n${stderr}`);
      }
      const missing = await cli.windrow('traps', 'serve', '--filename', 'none.ini');
      assert.match(missing.stderr, /none\.ini: there is no such file/);
      const option = await cli.windrow('traps', 'serve', '--port', 'x');
      assert.match(option.stderr, /--port: found "x"/);
    } finally {
      cli.close();
    }
  });
});

describe('the collector as a daemon', () => {
  const identity = (pid: number) => {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const of = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)![1]!.trim();
    return {
      uids: of('Uid').split('\t'),
      gids: of('Gid').split('\t'),
      groups: of('Groups'),
      able: of('CapEff'),
    };
  };

  it(
    'detaches once it serves, is nobody but its account, and ends when it is told',
    {
      skip: isRoot ? false : 'only root can become another',
    },
    () =>
      inField(async (field) => {
        chmodSync(field.directory, 0o755);
        chmodSync(field.home, 0o777);
        const pidFile = field.path('collector.pid');
        const options = [
          ...[
            '--state',
            field.path('collector'),
            '--pidfile',
            pidFile,
            '--logfile',
            field.path('log'),
          ],
          ...['--user', 'nobody', '--syslog-udp', '127.0.0.1:0'],
        ];
        const serve = ['traps', 'serve', '-d', '--conformance', '-p', '0'];
        const started = await field.must(0, ...serve, ...options);
        const [, url, number] = /collecting traps at (\S+) \(process (\d+)\)/.exec(started.stdout)!;
        const pid = Number(number);
        try {
          assert.equal(readFileSync(pidFile, 'utf8').trim(), String(pid));
          const { uids, gids, groups, able } = identity(pid);
          assert.deepEqual(new Set([...uids, ...gids]), new Set(['65534']));
          assert.equal(groups, '65534');
          assert.equal(able, '0000000000000000');
          assert.equal(statSync(field.path('collector/traps.sqlite')).uid, 65534);
          assert.equal(statSync(field.path('collector')).mode & 0o777, 0o700);
          assert.equal(
            readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[6],
            '0',
            'it has no terminal',
          );
          await field.must(0, 'traps', 'send', 'hello', url!);
          const second = await field.must(1, 'traps', 'serve', '-d', '-p', '0', ...options);
          assert.match(second.stderr, /a collector runs already: process \d+[\s\S]*DAEMON_RUNS/);
          assert.equal(readFileSync(pidFile, 'utf8').trim(), String(pid), 'its file is left to it');
        } finally {
          process.kill(pid, 'SIGTERM');
        }
        await until('it has ended', () => !existsSync(`/proc/${pid}`));
        assert.equal(existsSync(pidFile) ? readFileSync(pidFile, 'utf8') : '', '');
        const third = await field.must(0, 'traps', 'serve', '-d', '-p', '0', ...options);
        process.kill(Number(/process (\d+)/.exec(third.stdout)![1]), 'SIGTERM');
      }),
  );

  it('that cannot serve says why to whoever started it, and leaves nothing', () =>
    inField(async (field) => {
      const taken = createServer();
      await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
      const { port } = taken.address() as AddressInfo;
      const options = [
        '--state',
        field.path('s'),
        '--pidfile',
        field.path('pid'),
        '--user',
        'root',
      ];
      const daemon = [
        'traps',
        'serve',
        '-d',
        '-h',
        '127.0.0.1',
        '--logfile',
        field.path('log'),
        ...options,
      ];
      const { stderr } = await field.must(1, ...daemon, '-p', String(port));
      assert.match(
        stderr,
        /cannot listen for XML-RPC and HTTP at 127\.0\.0\.1:\d+: address already in use/,
      );
      assert.match(stderr, /code: LISTEN_FAILED/);
      taken.close();
      assert.equal(field.has('pid'), false);
      const bad = await field.must(1, ...daemon, '-p', '0', '--logfile', '/proc/none/log');
      assert.match(bad.stderr, /LOG_FILE_FAILED/);
    }));

  it(
    'started by root does not stay root unless it is told',
    {
      skip: isRoot ? false : 'only root can be root',
    },
    () =>
      inField(async (field) => {
        const serve = ['traps', 'serve', '-p', '0', '--state', field.path('s')];
        const { stderr } = await field.must(1, ...serve, '--user', 'no-such-account');
        assert.match(stderr, /cannot turn to the account no-such-account[\s\S]*ROOT_KEPT/);
      }),
  );
});
