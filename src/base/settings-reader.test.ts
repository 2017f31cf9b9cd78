import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { WindrowError } from './errors.ts';
import { formatAddress, parseAddress } from './settings.ts';
import { findSettingsFiles, readSettings, type SettingsFile } from './settings-reader.ts';
import { windrowSettings } from './windrow-settings.ts';

const surroundings = { environment: {}, home: '/home/ada', directory: '/work/here', cpus: 4 };

function read(parts: {
  flags?: Record<string, string>;
  environment?: Record<string, string>;
  user?: string;
  system?: string;
}) {
  const files: SettingsFile[] = [];
  if (parts.user !== undefined) {
    files.push({
      kind: 'user file',
      path: '/home/ada/.config/windrow/windrow.conf',
      text: parts.user,
    });
  }
  if (parts.system !== undefined) {
    files.push({ kind: 'system file', path: '/etc/windrow/windrow.conf', text: parts.system });
  }
  return readSettings(windrowSettings, {
    flags: parts.flags ?? {},
    files,
    surroundings: { ...surroundings, environment: parts.environment ?? {} },
  });
}

function problemsOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof WindrowError);
    assert.equal(error.code, 'SETTINGS_INVALID');
    return error.message;
  }
  throw new assert.AssertionError({ message: 'the settings were taken' });
}

describe('settings', () => {
  it('come from the command line before the environment, the user file and the system file', () => {
    const all = {
      flags: { lease: '1 s' },
      environment: { WINDROW_LEASE: '2 s' },
      user: 'lease = 3 s\n',
      system: '# for all\n\nlease = 4 s\n',
    };
    const { flags, environment, user, system } = all;
    const seen = [all, { environment, user, system }, { user, system }, { system }, {}].map(
      (parts) => {
        const settings = read(parts);
        return [
          settings.values.leaseMs,
          settings.origins.leaseMs.kind,
          settings.origins.leaseMs.place,
        ];
      },
    );
    assert.deepEqual(seen, [
      [1000, 'command line', '--lease'],
      [2000, 'environment', 'WINDROW_LEASE'],
      [3000, 'user file', '/home/ada/.config/windrow/windrow.conf:1'],
      [4000, 'system file', '/etc/windrow/windrow.conf:3'],
      [30_000, 'default', ''],
    ]);
    assert.equal(flags.lease, '1 s');
  });

  it('are values of their types, with defaults that follow from the machine', () => {
    const { values } = read({
      environment: { XDG_STATE_HOME: '/var/lib/ada' },
      user: 'listen = [::1]:0\ninsecure\ndisk-reserve = 1 GiB\ndir = scratch\ntoken-file = ~/t\n',
    });
    assert.deepEqual(values.listen, { host: '::1', port: 0 });
    assert.equal(values.insecure, true);
    assert.equal(values.diskReserveBytes, 2 ** 30);
    assert.equal(values.slots, 4);
    assert.equal(values.stateDirectory, '/var/lib/ada/windrow');
    assert.equal(values.workerDirectory, '/home/ada/.config/windrow/scratch');
    assert.equal(values.tokenFile, '/home/ada/t');
  });

  it('of sections are named after them, and a table is a section of its own', () => {
    const system =
      'walls = full\n[isolation]\nuser = batch%\nshared = /home, /data,\nhidden = keys\n' +
      '[roots]\nrhel5 = /chroot/rhel 5\ndebian-12 = trees/deb\n';
    const { values, origins } = read({ system });
    assert.equal(values.walls, 'full');
    assert.equal(values.jobUser, 'batch%');
    assert.deepEqual(values.sharedDirectories, ['/home', '/data']);
    assert.deepEqual(values.hiddenPaths, ['/etc/windrow/keys']);
    assert.deepEqual(values.roots, {
      rhel5: '/chroot/rhel 5',
      'debian-12': '/etc/windrow/trees/deb',
    });
    assert.equal(origins.roots.place, '/etc/windrow/windrow.conf:7');
    const rates = read({
      system: '[isolation]\nio-read = /data=50 MiB, /dev/sd b = 1 MB\n',
    }).values;
    assert.deepEqual(rates.ioRead, { '/data': 50 * 2 ** 20, '/dev/sd b': 1e6 });
    const { payload } = read({ system: '[payload]\nbob = grid_bob\n* = grid_%\n' }).values;
    assert.deepEqual(payload, { bob: 'grid_bob', '*': 'grid_%' });
    const wrong = ['/data', '/data=fast', '/a=1 MB, /a=2 MB', '/a=0 B'];
    for (const ioWrite of wrong) {
      const flags = { 'isolation-io-write': ioWrite };
      assert.match(
        problemsOf(() => read({ flags })),
        /PATH=SIZE/,
        ioWrite,
      );
    }
    assert.deepEqual(read({ flags: { roots: 'a=/a, b=/b' } }).values.roots, { a: '/a', b: '/b' });
    assert.match(
      problemsOf(() => read({ flags: { roots: 'a' } })),
      /NAME=PATH/,
    );
  });

  it('are frozen', () => {
    const { values } = read({});
    assert.throws(() => Object.assign(values, { slots: 9 }), TypeError);
    assert.throws(() => Object.assign(values.listen, { port: 9 }), TypeError);
  });

  it('report every problem at once, each with its place', () => {
    const message = problemsOf(() =>
      read({
        flags: { slots: 'many' },
        environment: { WINDROW_LISTEN: 'here' },
        user: 'lease = soon\n\nleas = 4 s\nping = 1 s\nping = 2 s\n',
        system:
          'lease = 30 s\n[server]\nlease = 4\n[isolation]\nwalls = x\n[roots]\na = /1\na = /2\n',
      }),
    );
    for (const part of [
      '--slots: found "many", expected a whole number',
      'WINDROW_LISTEN: listen: found "here", expected HOST:PORT',
      'windrow.conf:1: lease: found "soon", expected a duration',
      'windrow.conf:3: leas is no setting, did you mean lease?',
      'windrow.conf:5: ping stands already in line 4',
      '/etc/windrow/windrow.conf:3: lease in [server] is no setting',
      '/etc/windrow/windrow.conf:5: walls in [isolation] is no setting',
      '/etc/windrow/windrow.conf:8: a in [roots] stands already in line 7',
    ]) {
      assert.ok(message.includes(part), `${part} is missing from: ${message}`);
    }
  });

  it('are checked also where another source overrides them', () => {
    assert.match(
      problemsOf(() => read({ flags: { lease: '5 s' }, system: 'lease = 5 parsecs' })),
      /windrow\.conf:1: lease/,
    );
  });

  it('stay within their limits', () => {
    assert.match(
      problemsOf(() => read({ flags: { lease: '10 ms' } })),
      /at least 1 s/,
    );
    assert.match(
      problemsOf(() => read({ flags: { slots: '-1' } })),
      /slots/,
    );
    assert.match(
      problemsOf(() => read({ flags: { 'log-level': 'loud' } })),
      /one of trace, debug/,
    );
  });

  it('never show a secret, neither as a value nor in a problem', () => {
    const settings = read({ environment: { WINDROW_TOKEN: 'c2VjcmV0' } });
    assert.equal(settings.values.token, 'c2VjcmV0');
    assert.equal(settings.texts.token, '(hidden)');
    const message = problemsOf(() => read({ environment: { WINDROW_TOKEN: 'c2Vj\ncmV0' } }));
    assert.ok(!message.includes('c2Vj'));
  });

  it('warn of a mistyped variable but not of those that tasks get', () => {
    const { warnings } = read({
      environment: { WINDROW_LISTN: 'x', WINDROW_TASK: '3', WINDROW_PARAM_A: '1' },
    });
    assert.deepEqual(warnings, ['WINDROW_LISTN is no setting, did you mean WINDROW_LISTEN?']);
  });

  it('are found in $XDG_CONFIG_HOME', () => {
    const directory = mkdtempSync(join(tmpdir(), 'windrow-settings-'));
    try {
      mkdirSync(join(directory, 'windrow'));
      writeFileSync(join(directory, 'windrow', 'windrow.conf'), 'slots = 3\n');
      const files = findSettingsFiles({
        ...surroundings,
        environment: { XDG_CONFIG_HOME: directory },
      });
      assert.deepEqual(
        files.filter((file) => file.kind === 'user file').map((file) => file.text),
        ['slots = 3\n'],
      );
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('whatever a file holds, it is read or refused with SETTINGS_INVALID', () => {
    const line = fc.oneof(
      fc.string(),
      fc.constantFrom(
        'lease = 3 s',
        'lease',
        '[x]',
        'slots[] = 3',
        'slots=',
        '__proto__ = 1',
        '"lease" = 4 s',
      ),
    );
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        try {
          read({ user: lines.join('\n') });
        } catch (error) {
          assert.ok(error instanceof WindrowError, String(error));
        }
      }),
    );
  });
});

describe('an address', () => {
  it('reads as it was printed', () => {
    const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain());
    fc.assert(
      fc.property(host, fc.integer({ min: 0, max: 65_535 }), (name, port) => {
        assert.deepEqual(parseAddress(formatAddress({ host: name, port })), { host: name, port });
      }),
    );
  });

  it('needs a port that exists', () => {
    for (const text of ['localhost', ':80', 'a:b', '1.2.3.4:65536', '::1:80', 'http://x:1', '']) {
      assert.equal(parseAddress(text), undefined, text);
    }
  });
});
