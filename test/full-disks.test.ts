import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { describe, it } from 'node:test';
import { systemCodeOf } from '#base';
import { inField, type SweepField } from './field/sweep-field.ts';
import { until } from './field/until.ts';

const MIB = 2 ** 20;
const needsRoot = process.getuid?.() === 0 ? false : 'mounting a small file system needs root';

/** A file system of its own size at `name`, for as long as `use` takes. */
async function onSmallDisk(
  field: SweepField,
  name: string,
  megabytes: number,
  use: () => Promise<void>,
): Promise<void> {
  const directory = field.path(name);
  mkdirSync(directory);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'none', directory]);
  try {
    await use();
    await field.isQuiet();
  } finally {
    field.killAll();
    execFileSync('umount', ['-l', directory]);
  }
}

const PIECE = Buffer.alloc(4096, 1);

/** Takes all but about `leftBytes` of the file system, into which others may write meanwhile. */
function fill(directory: string, leftBytes: number): () => void {
  const ballast = `${directory}/ballast`;
  const file = openSync(ballast, 'w');
  const freeBytes = () => {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize;
  };
  try {
    while (freeBytes() > leftBytes) writeSync(file, PIECE);
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOSPC') throw error;
  } finally {
    closeSync(file);
  }
  return () => rmSync(ballast);
}

describe('an output directory', () => {
  it('that cannot be written refuses the sweep before anything runs', () =>
    inField(async (field) => {
      // A file in the way stops root as well, whom modes do not.
      field.write('file', '');
      mkdirSync(field.path('locked'));
      chmodSync(field.path('locked'), 0o500);
      const outputs = process.getuid?.() === 0 ? ['file/out'] : ['file/out', 'locked/out'];
      // The state lies in it, or elsewhere.
      for (const [output, ...state] of outputs.flatMap((one) => [
        [one],
        [one, '--state', 'state'],
      ])) {
        const { stderr } = await field.must(
          2,
          ...['run', '--range', 'i=1..2', '--output', output!, ...state],
          ...['--', 'echo $i >> "$$HOME/runs"'],
        );
        assert.match(stderr, /code: OUTPUT_UNWRITABLE/);
        assert.ok(stderr.includes(field.path(output!)));
        assert.doesNotMatch(stderr, /EN?ACCES|ENOTDIR/);
      }
      assert.equal(field.has('home/runs'), false);
      chmodSync(field.path('locked'), 0o700);
    }));

  it(
    'that is full leaves the old output, and gets the new one when there is room',
    { skip: needsRoot },
    () =>
      inField(async (field) => {
        await onSmallDisk(field, 'out', 4, async () => {
          const run = (rows: number) =>
            ['run', '--slots', '2', '--output', 'out', '--state', 'state']
              .concat(['--range', `i=1..${rows}`, '--quiet', '--'])
              .concat('echo $i >> "$$HOME/runs"; head -c 100000 /dev/zero | tr "\\0" $i');
          // Such a disk is all reserve: what is tested here comes before anybody looks at that.
          field.write('home/.config/windrow/windrow.conf', 'disk-reserve = 0 B\n');
          await field.must(0, ...run(1));
          const old = field.read('out/stdout');
          assert.equal(old.length, 100_000);
          const free = fill(field.path('out'), MIB / 2);
          const { stderr } = await field.must(1, ...run(9));
          assert.match(stderr, /no space|full|ENOSPC/i);
          assert.match(stderr, /code: [A-Z_]+/);
          assert.equal(field.read('out/stdout'), old);
          assert.deepEqual(field.list('out'), ['ballast', 'stdout']);
          free();
          await field.must(0, ...run(9));
          assert.equal(field.read('out/stdout').length, 900_000);
          assert.equal(field.lines('home/runs').length, 9);
        });
      }),
  );
});

describe('the disk of the server', { skip: needsRoot }, () => {
  it('that is nearly full stops the handing out, says so everywhere, and goes on with room', () =>
    inField(async (field) => {
      await onSmallDisk(field, 'state', 48, async () => {
        const command =
          'echo $i >> "$$HOME/runs"; while [ ! -e "$$HOME/go" ]; do sleep 0.02; done; echo $i';
        const run = field.start(
          ['run', '--slots', '2', '--output', 'out', '--state', 'state'].concat([
            '--range',
            'i=1..20',
            '--',
            command,
          ]),
          { environment: { WINDROW_DISK_RESERVE: '16 MiB' } },
        );
        await run.until('two run', () => field.lines('home/runs').length === 2);
        const free = fill(field.path('state'), 8 * MIB);
        const show = async () => (await field.must(0, 'show', '1', '--state', 'state')).stdout;
        await until('it says so', async () => /free on the disk/.test(await show()));
        field.write('home/go', '');
        await until('what ran is done', async () => {
          const { tasks } = await field.json('show', '1', '--state', 'state', '--tasks');
          return tasks.filter((task: { state: string }) => task.state === 'done').length === 2;
        });
        assert.equal(field.lines('home/runs').length, 2, 'nothing new is started');
        free();
        const { code, stderr } = await run.ended;
        assert.equal(code, 0, stderr);
        assert.equal(field.lines('home/runs').length, 20);
        assert.equal(field.lines('out/stdout').length, 20);
      });
    }));

  it('that is full to the last byte amid a sweep loses nothing', () =>
    inField(async (field) => {
      await onSmallDisk(field, 'state', 24, async () => {
        // Most of them end only when the disk is full, however long that takes.
        const command =
          'echo $i >> "$$HOME/runs"; until [ $i -le 40 ] || [ -e "$$HOME/full" ]; do sleep 0.02; done; head -c 20000 /dev/zero | tr "\\0" x; echo $i';
        const run = field.start(
          ['run', '--slots', '2', '--output', 'out', '--state', 'state', '--quiet'].concat([
            '--range',
            'i=1..200',
            '--',
            command,
          ]),
          { environment: { WINDROW_DISK_RESERVE: '0 B' } },
        );
        await run.until('some ran', () => field.lines('home/runs').length >= 20);
        const free = fill(field.path('state'), 0);
        field.write('home/full', '');
        await until('it says so', async () => {
          const { stdout } = await field.windrow('show', '1', '--state', 'state');
          return /full|no space/i.test(stdout);
        });
        free();
        const { code, stderr } = await run.ended;
        assert.equal(code, 0, stderr);
        const rows = field.lines('out/stdout').map((line) => Number(line.replace(/^x+/, '')));
        assert.deepEqual(
          rows,
          Array.from({ length: 200 }, (_, i) => i + 1),
        );
        assert.equal(field.lines('home/runs').length, 200, 'no program ran twice');
      });
    }));
});

describe('the disk of a trap collector', () => {
  it(
    'that is full is a trap itself; monitors get every mark once, and what came meanwhile is kept later',
    { skip: needsRoot },
    () =>
      inField(async (field) => {
        await onSmallDisk(field, 'disk', 4, async () => {
          const collect = async (port = '0') => {
            const running = field.start([
              ...['traps', 'serve', '--state', field.path('disk/collector')],
              ...['--user', 'root', '--port', port],
            ]);
            const [url] = await running.until('it serves', () => /http:\S+/.exec(running.stdout()));
            return { running, url: url! };
          };
          const first = await collect();
          const { url } = first;
          const report = async (number: number) => {
            const message = `trap ${number} ${'x'.repeat(20_000)}`;
            const answer = await fetch(`${url}/v1/traps`, {
              method: 'POST',
              headers: { 'content-type': 'application/json' },
              body: JSON.stringify({ node: `n${number}`, message, category: 2 }),
            });
            return answer.status;
          };
          /** As a monitor that polls: the traps since its mark, and the next mark. */
          let mark = 0;
          const seen: string[] = [];
          const poll = async () => {
            const answer = await fetch(url, {
              method: 'POST',
              body: `<methodCall><methodName>getTraps</methodName><params><param><value><int>${mark}</int></value></param></params></methodCall>`,
            });
            const text = await answer.text();
            const next = Number(
              /<(?:i4|int)>(\d+)<\/(?:i4|int)><\/value>\s*<\/data>/.exec(text.slice(-200))?.[1],
            );
            assert.ok(next >= mark, `the mark went from ${mark} to ${next}`);
            mark = next;
            seen.push(
              ...[...text.matchAll(/trap \d+|traps are not remembered|can be written again/g)].map(
                ([one]) => one,
              ),
            );
          };
          assert.equal(await report(1), 200);
          const release = fill(field.path('disk'), 8192);
          const statuses = [];
          for (let number = 2; number <= 40; number++) {
            statuses.push(await report(number));
            await poll();
          }
          assert.ok(statuses.includes(202), 'what is not on disk is not said to be');
          await until('the fault is told', async () => {
            await poll();
            return seen.includes('traps are not remembered');
          });
          release();
          await until('its end is told', async () => {
            await poll();
            return seen.includes('can be written again');
          });
          const traps = seen.filter((one) => one.startsWith('trap '));
          const all = Array.from({ length: 40 }, (_, index) => `trap ${index + 1}`);
          assert.deepEqual(traps.toSorted(), all.toSorted());
          assert.equal(await report(41), 200);
          first.running.kill();
          await first.running.ended;
          const second = await collect(new URL(url).port);
          mark = 0;
          seen.length = 0;
          await poll();
          const remembered = seen.filter((one) => one.startsWith('trap '));
          assert.deepEqual(remembered.toSorted(), [...all, 'trap 41'].toSorted());
          process.kill(second.running.pid, 'SIGTERM');
          assert.equal((await second.running.ended).code, 0);
        });
      }),
  );
});
