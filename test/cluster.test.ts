/** `windrow run` that brings its machines along. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, rmSync, type Stats, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { HEAD_ADDRESS, type HostField, whyNoHosts, withHosts } from './field/hosts.ts';
import { processesWith } from './field/processes.ts';
import { putStandIns } from './field/stand-in.ts';
import type { Running } from './field/sweep-field.ts';
import { until } from './field/until.ts';

const skip = whyNoHosts();

function workersOn(field: HostField, ...names: string[]) {
  return names.flatMap((name) =>
    field
      .host(name)
      .processes()
      .filter(({ argv }) => argv.includes('--session-stdin')),
  );
}

/** A worker has given its directory up an instant before its process is gone. */
function noneLeft(field: HostField, ...names: string[]): Promise<unknown> {
  return until('no worker is left', () => workersOn(field, ...names).length === 0);
}

/** Waits until four programs wait, whatever walls they are behind, and makes what they wait for. */
async function letGo(sweep: Running): Promise<void> {
  const waiting = () =>
    processesWith(GATE).filter(({ argv }) => argv[0]?.endsWith('sh') && argv[1] === '-c');
  /** Shells have children that look like them for an instant; their directory is the same. */
  const places = () => new Set(waiting().map(({ pid }) => scratchOf(pid)?.ino));
  await sweep.until('four programs wait', () => places().size >= 4 && !places().has(undefined));
  await sweep.until('all are let go', () => {
    for (const { pid } of waiting()) letGoOne(pid);
    return waiting().length === 0;
  });
}

function scratchOf(pid: number): Stats | undefined {
  return statSync(`/proc/${pid}/cwd/.`, { throwIfNoEntry: false });
}

function letGoOne(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/cwd/${GATE}`, '');
  } catch {
    // It has ended since.
  }
}

/** With what all runs here have in common. */
function open(field: HostField, sweep: string): readonly string[] {
  putStandIns(field.sweep.path('executables'));
  field.sweep.write('sweep.toml', sweep);
  return ['run', 'sweep.toml', '--slots', '0', '--executables', 'executables'];
}

const HEAD = `
command = "uname -n; expr $i '*' $i"
output = "out"
[parameters.range]
i = "1..30"
`;

/** The first four wait to be let go: on two machines of two slots each they run together. */
const GATE = `go-${process.pid}`;
const GATED = HEAD.replace(';', `; until [ $i -gt 4 ] || [ -e ${GATE} ]; do sleep 0.05; done;`);

/** A machine whose /proc is covered in parts lets no user mount another; those of the field are such. */
const WHOLE_PROC = 'umount /proc/sys/kernel/random/boot_id\n';

describe('a sweep with machines', { skip }, () => {
  test('starts them, computes on them behind their walls, and leaves nothing running there', async () => {
    await withHosts(
      [{ name: 'n1', setup: WHOLE_PROC }, { name: 'n2' }, { name: 'off', sshd: false }],
      async (field) => {
        const run = open(
          field,
          `${GATED}[cluster]\nnodes = ["n1 slots=2", "n2 slots=2", "off"]\nat-least = 2\nwalls = "full"\n`,
        );
        const sweep = field.sweep.start(run);
        await letGo(sweep);
        const { code, stderr } = await sweep.ended;
        assert.equal(code, 0, stderr);
        assert.match(stderr, /n1: worker started/);
        assert.match(stderr, /PILOT_HOST_REFUSES/);
        const lines = field.sweep.lines('out/stdout');
        const values = lines.filter((line) => /^\d+$/.test(line)).map(Number);
        assert.deepEqual(
          values,
          Array.from({ length: 30 }, (_, index) => (index + 1) ** 2),
        );
        assert.deepEqual(new Set(lines.filter((line) => /^n/.test(line))), new Set(['n1', 'n2']));
        await noneLeft(field, 'n1', 'n2');
        const state = ['--state', field.sweep.path('out/.windrow')];
        const { attempts } = await field.sweep.json('show', '1', '--attempts', ...state);
        const good = attempts.filter(({ cause }: { cause: string }) => cause === 'ok');
        assert.equal(good.length, 30);
        // Of an ordinary user: as far as each machine can, and the record says how far that was.
        const fence = ['track', 'pid', 'files', 'readonly', 'network'];
        for (const { worker, walls } of attempts) {
          assert.deepEqual([walls.wanted, walls.account], ['full', '61001']);
          for (const wall of [...(worker === 'n1' ? fence : []), 'privileges', 'syscalls']) {
            assert.ok(walls.had.includes(wall), `${worker} has no wall ${wall}: ${walls.had}`);
          }
          if (worker === 'n2') assert.ok(!fence.some((wall) => walls.had.includes(wall)));
        }
        assert.deepEqual(
          new Set(attempts.map(({ worker }: { worker: string }) => worker)),
          new Set(['n1', 'n2']),
        );
      },
    );
  });

  test('takes away, where asked, the program and the executable that it brought, and nothing else', async () => {
    await withHosts(
      [
        { name: 'n1', shared: ['nfs'] },
        { name: 'n2', shared: ['nfs'] },
      ],
      async (field) => {
        const { sweep } = field;
        const machines = '[cluster]\nnodes = ["n1", "n2"]\nat-least = 2\ndir = "/srv/nfs/w"\n';
        const shipped = `${HEAD.replace(/command.*/, 'command = "./twice $i"')}[programs]\nany = "twice"\n${machines}`;
        const kept = () => {
          const directory = join(field.directory, '.shared/nfs/w');
          const data = readdirSync(join(directory, 'data'), { recursive: true });
          return {
            executables: readdirSync(join(directory, 'bin')).length,
            marks: readdirSync(join(directory, 'brought')).length,
            programs: data.filter((name) => String(name).endsWith('.key')).length,
          };
        };
        sweep.write('twice', '#!/bin/sh\nexpr 2 \\* $1\n', 0o755);
        await sweep.must(0, ...open(field, shipped), '--output', 'first');
        // With each, an empty file that says whose it is.
        assert.deepEqual(kept(), { executables: 2, marks: 1, programs: 1 });
        sweep.write('twice', '#!/bin/sh\nexpr $1 + $1\n', 0o755);
        const passing = `delete-worker = true\ndelete-client = true\n${shipped}`;
        rmSync(join(field.directory, '.shared/nfs/w/bin'), { recursive: true });
        await sweep.must(0, ...open(field, passing), '--output', 'second');
        assert.deepEqual(kept(), { executables: 0, marks: 1, programs: 1 });
      },
    );
  });

  test('ends none that it did not start, where the server is not its own', async () => {
    await withHosts([{ name: 'n1' }, { name: 'n2' }], async (field) => {
      const { sweep } = field;
      putStandIns(sweep.path('executables'));
      const serving = sweep.start([
        'serve',
        '--listen',
        '0.0.0.0:8980',
        '--insecure',
        '--state',
        'state',
      ]);
      await serving.until('it serves', () => serving.stdout().includes('serving'));
      sweep.write('one.txt', 'n1 slots=1\n');
      const brought = ['--executables', 'executables'];
      await sweep.must(0, 'start', 'one.txt', '--state', 'state', ...brought);
      const [before] = workersOn(field, 'n1');
      const server = ['--server', `http://${HEAD_ADDRESS}:8980`];
      const keys = ['--token-file', 'state/admin-token', '--session-file', 'state/session'];
      const both = '[cluster]\nnodes = ["n1 slots=1", "n2 slots=1"]\nat-least = 2\n';
      sweep.write('sweep.toml', HEAD.replace('30', '4') + both);
      const run = ['run', 'sweep.toml', ...server, ...keys, ...brought];
      const { stderr } = await sweep.must(0, ...run);
      assert.match(stderr, /n2: worker started/);
      await noneLeft(field, 'n2');
      const [after] = workersOn(field, 'n1');
      assert.ok(before && after, 'the worker that was there is still there');
      assert.equal(after.pid, before.pid);
      await sweep.must(0, 'stop', 'one.txt');
      serving.interrupt();
      await serving.ended;
    });
  });

  test('is refused before anything runs when too few of them come up', async () => {
    await withHosts([{ name: 'n1' }, { name: 'off', sshd: false }], async (field) => {
      const run = open(field, `${HEAD}[cluster]\nnodes = "nodes.txt"\nat-least = 2\n`);
      field.sweep.write('nodes.txt', 'n1\noff\n');
      const { stderr } = await field.sweep.must(2, ...run);
      assert.match(stderr, /1 of 2 machines have a worker, at least 2 are wanted/);
      await noneLeft(field, 'n1');
      assert.equal(existsSync(field.sweep.path('out/stdout')), false);
      field.sweep.write('nodes.txt', 'n1 slots=many\n');
      const wrong = await field.sweep.must(2, ...run);
      assert.match(wrong.stderr, /nodes\.txt:1: found slots="many"/);
    });
  });

  test('interrupted, lets them finish; killed, finds them again', async () => {
    await withHosts([{ name: 'n1' }], async (field) => {
      const { sweep } = field;
      const gate = join(field.host('n1').directory, 'tmp/gate');
      const command = 'command = "until [ -e /tmp/gate ]; do sleep 0.1; done; echo $i"';
      const text = HEAD.replace(/command.*/, command).replace('30', '4');
      const run = open(field, `${text}[cluster]\nnodes = ["n1 slots=2"]\n`);
      const first = sweep.start(run);
      const programs = () =>
        field
          .host('n1')
          .processes()
          .filter(({ argv }) => argv.join(' ').includes('/tmp/gate'));
      await first.until('two tasks run', () => programs().length >= 2);
      const [worker] = workersOn(field, 'n1');
      first.kill();
      await first.ended;
      const second = sweep.start(run);
      await second.until('the worker is found', () => second.stderr().includes('already'));
      assert.equal(workersOn(field, 'n1')[0]?.pid, worker?.pid);
      second.interrupt();
      await second.until('it waits', () => second.stderr().includes('Ctrl-C again'));
      sweep.write('gate', '');
      await field.host('n1').run('touch', '/tmp/gate');
      assert.ok(existsSync(gate));
      assert.equal((await second.ended).code, 3);
      await noneLeft(field, 'n1');
      const { stdout } = await sweep.must(0, ...run);
      assert.deepEqual(sweep.lines('out/stdout'), ['1', '2', '3', '4']);
      assert.match(stdout, /4 done/);
    });
  });
});
