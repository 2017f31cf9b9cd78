import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { until } from './field/until.ts';

const WINDROW = join(import.meta.dirname, '..', 'bin', 'windrow');
/** Compiled code is kept there, which makes each start faster. */
const CACHE_HOME = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'windrow-life-'));
  t.after(() => rmSync(path, { recursive: true, force: true, maxRetries: 5 }));
  return path;
}

function start(directory: string, ...argv: string[]) {
  const child = spawn(WINDROW, argv, {
    cwd: directory,
    env: { PATH: process.env.PATH, HOME: directory, XDG_CACHE_HOME: CACHE_HOME, TZ: 'UTC' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (piece) => {
      output += piece;
    });
  }
  return { child, ended: once(child, 'exit'), closed: once(child, 'close'), output: () => output };
}

async function windrow(directory: string, ...argv: string[]) {
  // All that it said is there when its output is closed; its exit may be heard of before.
  const { closed, output } = start(directory, ...argv);
  const [code] = await closed;
  return { code, output: output() };
}

/** Numbers of events by task, of a log whose every event has its end. */
function eventsByTask(text: string): Map<number, number[]> {
  const found = new Map<number, number[]>();
  const whole = text.split('\n...\n');
  assert.equal(whole.pop(), '');
  for (const event of whole) {
    const head = /^(\d{3}) \(\d{3}\.(\d{3})\.000\) \d{4}-\d\d-\d\d \d\d:\d\d:\d\d /.exec(event);
    assert.ok(head, event);
    const task = Number(head[2]);
    found.set(task, [...(found.get(task) ?? []), Number(head[1])]);
  }
  return found;
}

describe('the life of tasks', { timeout: 180_000 }, () => {
  it('is written once into the event log, also when windrow is killed amid it', async (t) => {
    const directory = folder(t);
    const sweep = `command = "sleep 0.2; echo $i"
log = "sweep.log"
[parameters.range]
i = "1..12"
`;
    writeFileSync(join(directory, 'sweep.toml'), sweep);
    const log = join(directory, 'sweep.log');
    const killed = start(directory, 'run', 'sweep.toml', '--slots', '2');
    await until(
      'a task has ended',
      () => existsSync(log) && readFileSync(log, 'utf8').includes('\n005 '),
    );
    killed.child.kill('SIGKILL');
    await killed.ended;
    const { code, output } = await windrow(directory, 'run', 'sweep.toml', '--slots', '2');
    assert.equal(code, 0, output);
    const events = eventsByTask(readFileSync(log, 'utf8'));
    assert.equal(events.size, 12);
    for (const [task, numbers] of events) {
      const times = (number: number) => numbers.filter((one) => one === number).length;
      assert.deepEqual([times(0), times(5)], [1, 1], `task ${task}: ${numbers}`);
      assert.equal(numbers[0], 0);
      assert.equal(numbers.at(-1), 5);
    }
    const shown = await windrow(directory, 'events', '--format', 'json', '--state', 'results');
    const numbers = shown.output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).EventTypeNumber);
    assert.equal(numbers.filter((number) => number === 5).length, 12);
  });

  it('goes by a policy of the site as its administrators wrote it', async (t) => {
    const directory = folder(t);
    writeFileSync(
      join(directory, 'policy.conf'),
      `SYSTEM_PERIODIC_HOLD = (JobStatus == 1 || JobStatus == 2) && \\
  (DiskUsage > 20000 || ResidentSetSize > 1600000)
SYSTEM_PERIODIC_HOLD_REASON = strcat("Job in status ", JobStatus, " put on hold due to ", \\
  ifThenElse(ResidentSetSize > 1600000, "memory", "disk"), " usage")
SYSTEM_PERIODIC_HOLD_SUBCODE = 7
`,
    );
    writeFileSync(
      join(directory, 'sweep.toml'),
      `command = "if [ $i = 2 ]; then dd if=/dev/zero of=big bs=1M count=40 2>/dev/null; sleep 60; fi"
[parameters.range]
i = "1..3"
`,
    );
    const policy = ['--policy-file', 'policy.conf', '--policy-interval', '500 ms'];
    const { code, output } = await windrow(
      directory,
      'run',
      'sweep.toml',
      '--slots',
      '2',
      ...policy,
    );
    assert.equal(code, 1, output);
    const show = await windrow(directory, 'show', '1.1', '--json', '--state', 'results');
    const task = JSON.parse(show.output);
    assert.deepEqual(
      [task.state, task.reason, task.hold],
      [
        'held',
        'Job in status 2 put on hold due to disk usage',
        { code: 26, subcode: 7, name: 'SystemPolicy' },
      ],
    );
    const history = await windrow(
      directory,
      ...['history', '--state', 'results', '--constraint', 'LastCause == "held"'],
      ...['--attributes', 'ProcId,DiskUsage > 20000'],
    );
    assert.match(history.output, /1\s+true/);
    const ad = 'JobStatus = 2\nDiskUsage = 20001\n';
    writeFileSync(join(directory, 'job.ad'), ad);
    const test = await windrow(directory, 'policy', 'test', 'job.ad', '--file', 'policy.conf');
    assert.match(test.output, /it is held/);
    assert.match(test.output, /SYSTEM_PERIODIC_HOLD:\s+true/);
    writeFileSync(join(directory, 'policy.conf'), 'SYSTEM_PERIODIC_HOLD = JobStatus ==\n');
    const wrong = await windrow(directory, 'policy', 'test', 'job.ad', '--file', 'policy.conf');
    assert.equal(wrong.code, 1);
    assert.match(wrong.output, /policy\.conf:1: SYSTEM_PERIODIC_HOLD: expected an operand/);
  });
});
