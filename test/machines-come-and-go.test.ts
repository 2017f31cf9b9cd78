import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { AttemptPage } from '#wire';
import { type HostField, whyNoHosts, withHosts } from './field/hosts.ts';
import { Rack } from './field/rack.ts';
import { SweepField } from './field/sweep-field.ts';
import { until } from './field/until.ts';

const ROWS = 5000;
const HOSTS = ['n1', 'n2', 'n3', 'n4', 'n5', 'n6'];
/** Some have a clock that is years off. */
const SKEWED: Readonly<Record<string, string>> = { n4: '-20 years', n6: '+10 years' };

/**
 * Notes each start where it ran. Every tenth row takes its time on the hosts, and every hundredth is
 * too large to travel inside a sync.
 */
const PROGRAM = `#!/bin/sh
echo "$1" >> "$HOME/starts"
[ $(($1 % 10)) -ne 0 ] || [ ! -e "$HOME/slow" ] || sleep 0.4
echo "row $1 is $(($1 * $1))"
[ $(($1 % 100)) -ne 0 ] || head -c 100000 /dev/zero | tr '\\0' x
`;

const SWEEP = `
name = "rack"
command = "./task.sh $i"
[parameters.range]
i = { from = 1, to = ${ROWS} }
[programs]
any = "task.sh"
`;

function writeSweep(field: SweepField): void {
  field.write('task.sh', PROGRAM, 0o755);
  field.write('sweep.toml', SWEEP);
}

test('the hosts of a rack come and go, and every row is collected exactly once', {
  skip: whyNoHosts(),
}, async () => {
  const peaceful = await inPeace();
  await withHosts(
    HOSTS.map((name) => ({ name, sshd: false, setup: 'touch /home/ada/slow' })),
    async (field) => {
      const rack = new Rack(field, ['--lease', '2 s', '--ping', '1 s']);
      await rack.serve();
      for (const host of HOSTS) rack.worker(host, SKEWED[host]);
      rack.curlWorker('n5');
      await rack.untilState(HOSTS, 'active');
      await checkProbes(rack);
      writeSweep(field.sweep);
      const run = field.sweep.start(['run', 'sweep.toml', ...rack.there, '--output', 'out']);
      await run.until('the job is there', () => rack.job(1));
      await untilDone(rack, 300);
      await befall(rack);
      const { code, stderr } = await run.ended;
      assert.equal(code, 0, stderr);
      await check(rack);
      assert.deepEqual(filesIn(field.sweep.path('out')), peaceful);
      field.heal('n4');
      await field.sweep.must(0, 'stop', '--wait', ...rack.there);
      await rack.ended();
      checkClocks(rack);
      for (const host of HOSTS) assert.deepEqual(field.host(host).processes(), [], host);
    },
  );
});

/** The same rows on one machine, with nothing that disturbs them. */
async function inPeace(): Promise<Record<string, Buffer>> {
  const field = new SweepField();
  try {
    writeSweep(field);
    await field.must(0, 'run', 'sweep.toml', '--output', 'out', '--quiet');
    assert.equal(field.lines('home/starts').length, ROWS);
    return filesIn(field.path('out'));
  } finally {
    field.remove();
  }
}

function filesIn(directory: string): Record<string, Buffer> {
  const names = readdirSync(directory).filter((name) => !name.startsWith('.'));
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(directory, name))]));
}

async function untilDone(rack: Rack, tasks: number): Promise<void> {
  await until(
    `${tasks} tasks are done`,
    async () => ((await rack.job(1))?.counts.done ?? 0) >= tasks,
    120_000,
  );
}

/** A peer that vanishes is noticed by both sides, as they probe connections on which nothing moves. */
async function checkProbes(rack: Rack): Promise<void> {
  const probed = (lines: string) => lines.split('\n').filter((line) => /timer:\(keep/.test(line));
  const ss = ['ss', '-H', '-t', '-o', 'state', 'established'];
  await until('idle connections are probed', async () => {
    const head = await rack.field.runOnHead(...ss, 'sport = :8980');
    const host = await rack.field.host('n6').run(...ss, 'dport = :8980');
    return probed(head.stdout).length >= HOSTS.length && probed(host.stdout).length >= 1;
  });
}

/** Everything that can happen to machines, several at a time. */
async function befall(rack: Rack): Promise<void> {
  const { field } = rack;
  field.lose('n4', 20);
  field.cut('n1');
  rack.kill('n2');
  rack.freeze('n3');
  await rack.untilState(['n1', 'n2', 'n3'], 'lost');
  field.heal('n1');
  rack.thaw('n3');
  rack.worker('n2');
  await rack.untilState(['n1', 'n2', 'n3'], 'active');
  rack.server.kill();
  await rack.server.ended;
  await rack.serve();
  await rack.untilState(['n1', 'n2', 'n3', 'n5', 'n6'], 'active');
}

async function check(rack: Rack): Promise<void> {
  const job = (await rack.job(1))!;
  assert.deepEqual([job.state, job.counts.done], ['done', ROWS]);
  const stats = (await rack.stats(1))!;
  assert.equal(stats.causes.ok, ROWS);
  assert.ok((stats.causes['worker-lost'] ?? 0) >= 2, JSON.stringify(stats.causes));
  const doneBy = (name: string) => stats.workers.find(({ worker }) => worker === name)?.done ?? 0;
  for (const name of [...HOSTS, 'curl-n5']) assert.ok(doneBy(name) > 0, `${name} did nothing`);
  const { attempts, good } = await attemptsByRow(rack);
  assert.ok(
    good.every((times) => times === 1),
    'a row was accepted twice',
  );
  const starts = startsByRow(rack.field);
  assert.ok(!starts.includes(0), 'a row never ran');
  // A row is begun again when its attempt is known to be lost, stopped or copied.
  const unknown = starts.flatMap((times, row) =>
    times > attempts[row]! ? [`${row}: ${times} starts, ${attempts[row]} attempts`] : [],
  );
  assert.deepEqual(unknown, [], 'rows ran without being known of');
}

/** Those whose clock is off had another year, whenever they said anything. */
function checkClocks(rack: Rack): void {
  for (const host of Object.keys(SKEWED)) {
    const years = rack.said(host).matchAll(/"time":"(\d+)/g);
    const off = [...years].map(([, year]) => Math.abs(Number(year) - new Date().getFullYear()));
    assert.ok(off.length > 0 && Math.min(...off) > 8, `${host}: ${off}`);
  }
}

async function attemptsByRow(rack: Rack): Promise<{ attempts: number[]; good: number[] }> {
  const attempts = Array<number>(ROWS).fill(0);
  const good = Array<number>(ROWS).fill(0);
  for (let from: number | null = 0; from !== null; ) {
    const page: AttemptPage = (await rack.ask(`jobs/1/attempts?limit=1000&from=${from}`))!;
    for (const { task, cause } of page.attempts) {
      attempts[task]!++;
      if (cause === 'ok') good[task]!++;
    }
    from = page.next;
  }
  return { attempts, good };
}

function startsByRow(field: HostField): number[] {
  const starts = Array<number>(ROWS).fill(0);
  for (const host of HOSTS) {
    const log = readFileSync(join(field.host(host).directory, 'home', 'starts'), 'utf8');
    for (const line of log.split('\n').slice(0, -1)) starts[Number(line) - 1]!++;
  }
  return starts;
}
