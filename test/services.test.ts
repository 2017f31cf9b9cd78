import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { inField, type Running, type SweepField } from './field/sweep-field.ts';
import { until } from './field/until.ts';
import { HOME } from './installed-program.ts';

const ANALYZE = '/usr/bin/systemd-analyze';
const lacks = existsSync(ANALYZE) ? false : 'systemd is not installed (scripts/setup-system.sh)';
const INSTALLED = '/usr/local/bin/windrow';

const unitText = (name: string) => readFileSync(join(HOME, 'systemd', `${name}.service`), 'utf8');

/** As on a machine where windrow is installed: the program that a unit names must be there. */
function writeUnit(field: SweepField, name: string, change = (text: string) => text): string {
  const text = change(unitText(name)).replaceAll(INSTALLED, join(HOME, 'bin/windrow'));
  return field.write(`${name}.service`, text);
}

async function analyze(...argv: string[]): Promise<{ code: number; said: string }> {
  const ended = promisify(execFile)(ANALYZE, argv).then(
    ({ stdout, stderr }) => ({ code: 0, said: stdout + stderr }),
    ({ code, stdout, stderr }) => ({ code, said: stdout + stderr }),
  );
  return await ended;
}

/** The command line of a unit, with directories of the field for those of the system. */
function commandOf(field: SweepField, name: string): string[] {
  const line = /^ExecStart=(.*)$/m.exec(unitText(name))![1]!;
  const places: Readonly<Record<string, string>> = { '%S': 'state', '%C': 'cache', '%d': 'given' };
  const words = line.match(/"[^"]*"|\S+/g)!.map((word) => word.replace(/^"|"$/g, ''));
  const [file, ...argv] = words.map((word) =>
    word.replace(/%[SCd]/, (s) => field.path(places[s]!)),
  );
  assert.equal(file, INSTALLED);
  return argv;
}

/** A service manager's socket: what it is told, line by line. */
const MANAGER = `
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print('listening', flush=True)
while True:
    print(s.recv(4096).decode().replace('\\n', ' '), flush=True)
`;

function startManager(socket: string): { child: ChildProcess; told: string[] } {
  const child = spawn('python3', ['-c', MANAGER, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
  const told: string[] = [];
  createInterface({ input: child.stdout! }).on('line', (line) => told.push(line));
  return { child, told };
}

describe('the units for systemd', { skip: lacks }, () => {
  for (const name of ['windrow-server', 'windrow-worker', 'windrow-traps']) {
    it(`${name} is understood by systemd, which finds nothing wrong`, () =>
      inField(async (field) => {
        const unit = writeUnit(field, name);
        assert.deepEqual(await analyze('verify', '--man=no', unit), { code: 0, said: '' });
        const wrong = writeUnit(field, name, (text) => text.replace('Restart=', 'Restarts='));
        assert.match((await analyze('verify', '--man=no', wrong)).said, /Restarts/);
      }));
  }

  it('the server is exposed to little of its machine', () =>
    inField(async (field) => {
      const judge = (unit: string) => analyze('security', '--offline=true', '--threshold=25', unit);
      const hard = await judge(writeUnit(field, 'windrow-server'));
      assert.equal(hard.code, 0, hard.said);
      const soft = writeUnit(field, 'windrow-server', (text) => text.replace(/^Protect.*\n/gm, ''));
      assert.notEqual((await judge(soft)).code, 0);
    }));

  it('the trap collector is ready when monitors are answered, and ends when it is told', () =>
    inField(async (field) => {
      const socket = field.path('notify');
      const { child, told } = startManager(socket);
      try {
        await until('the manager listens', () => told.length === 1);
        const environment = { NOTIFY_SOCKET: socket };
        const argv = [...commandOf(field, 'windrow-traps'), '--port', '0', '--user', 'root'];
        const collector = field.start(argv, { environment });
        await collector.until('it is ready', () => told.some((line) => /\bREADY=1\b/.test(line)));
        const url = /http:\S+/.exec(collector.stdout())![0];
        const answer = await fetch(url, {
          method: 'POST',
          body: '<methodCall><methodName>getFileSystems</methodName></methodCall>',
        });
        assert.match(await answer.text(), /methodResponse/);
        process.kill(collector.pid, 'SIGTERM');
        assert.equal((await collector.ended).code, 0);
      } finally {
        child.kill();
      }
    }));

  it('do what they say: ready when connections are taken, and ended without losing anything', () =>
    inField(async (field) => {
      const socket = field.path('notify');
      const { child, told } = startManager(socket);
      try {
        await until('the manager listens', () => told.length === 1);
        const environment = { NOTIFY_SOCKET: socket, WINDROW_LISTEN: '127.0.0.1:0' };
        const server = field.start(commandOf(field, 'windrow-server'), { environment });
        await server.until('it is ready', () => told.some((line) => /\bREADY=1\b/.test(line)));
        const url = /http:\S+/.exec(server.stdout())![0];
        assert.match(told.join(), new RegExp(`STATUS=serving ${url}`));
        const worker = await startWorker(field, url);
        const job = field.start([
          ...['run', '--server', url, '--token-file', 'state/windrow/admin-token'],
          ...['--range', 'i=1..2', '--output', 'out', '--'],
          'env > "$$HOME/seen-$i"; while [ ! -e "$$HOME/go" ]; do sleep 0.05; done; echo $i',
        ]);
        await job.until('both run', () => field.has('home/seen-1') && field.has('home/seen-2'));
        assert.doesNotMatch(field.read('home/seen-1'), /NOTIFY_SOCKET|CREDENTIALS_DIRECTORY/);
        process.kill(worker.pid, 'SIGTERM');
        await worker.until('it drains', () => /asked to end.* up to 5 min/.test(worker.stderr()));
        field.write('home/go', '');
        assert.equal((await worker.ended).code, 0);
        assert.equal((await job.ended).code, 0);
        assert.equal(field.read('out/stdout'), '1\n2\n');
        process.kill(server.pid, 'SIGTERM');
        assert.equal((await server.ended).code, 0);
      } finally {
        child.kill();
      }
    }));
});

async function startWorker(field: SweepField, url: string): Promise<Running> {
  mkdirSync(field.path('given'));
  const session = readFileSync(field.path('state/windrow/session'), 'utf8');
  field.write('given/session', session, 0o400);
  const environment = {
    WINDROW_SERVER: url,
    WINDROW_SLOTS: '2',
    // As root it would put programs into walls, as nobody, who may not write here.
    WINDROW_WALLS: 'bare',
    NOTIFY_SOCKET: field.path('notify'),
    CREDENTIALS_DIRECTORY: field.path('given'),
  };
  return field.start(commandOf(field, 'windrow-worker'), { environment });
}
