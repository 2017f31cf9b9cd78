import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Starter } from '#sandbox';
import type { JobPlan } from './job-plan.ts';
import {
  type Lane,
  type LaneAttempt,
  laneDepth,
  laneWithRoom,
  misplaced,
  untoldMs,
} from './lane.ts';
import { openField, until } from './testing/field.ts';
import { jobOf, rowsOf } from './testing/field-server.ts';

const starter = { kind: 'launcher', ahead: 32 } as Starter;
const devices = { gpus: [], cpus: [] };
const plan = { program: null, job: { inputs: [] } } as unknown as JobPlan;

function waiting(lane: Lane, sinceMs: number, toldWithinMs: number): LaneAttempt {
  return { lane, sinceMs, attempt: { toldWithinMs } } as LaneAttempt;
}

function laneOf(count: number, sinceMs = 0, toldWithinMs = 2): Lane {
  const lane: Lane = { starter, number: 1, devices, attempts: new Set(), plan, cost: 1, sinceMs };
  for (let i = 0; i < count; i++) lane.attempts.add(waiting(lane, i, toldWithinMs));
  return lane;
}

test('only short attempts are handed ahead, and few', () => {
  assert.equal(laneDepth(starter, undefined, 2), 0);
  assert.equal(laneDepth(starter, 21, 2), 0);
  assert.equal(laneDepth(starter, 2, 2), 3);
  assert.ok(laneDepth(starter, 0, 2) <= 16);
  assert.equal(laneDepth({ ...starter, ahead: 0 }, 1, 2), 0);
});

test('those that nobody looks at are handed ahead for as long as ends gather', () => {
  assert.equal(laneDepth(starter, undefined, 750), 0);
  assert.equal(laneDepth(starter, 100, 750), 8);
  assert.equal(laneDepth(starter, 250, 750), 3);
  assert.equal(laneDepth(starter, 251, 750), 0);
  assert.equal(laneDepth(starter, 1, 750), 16, 'no more than a few that a kill may cost');
});

test('an attempt is handed to the shortest lane of its own job', () => {
  const lanes = [laneOf(3), laneOf(2), { ...laneOf(1), plan: { ...plan } }];
  const view = { medianMs: 1, nowMs: 10 };
  assert.equal(laneWithRoom(lanes, plan, view), lanes[1]);
  assert.equal(laneWithRoom(lanes, plan, { ...view, medianMs: 500 }), undefined);
  assert.equal(laneWithRoom(lanes, plan, { ...view, nowMs: 1000 }), undefined, 'long programs run');
});

test('what needs a staged program or input is not handed ahead', () => {
  const staged = { ...plan, job: { inputs: [{}] } } as unknown as JobPlan;
  const lane = { ...laneOf(1), plan: staged };
  assert.equal(laneWithRoom([lane], staged, { medianMs: 1, nowMs: 0 }), undefined);
});

test('what waits behind a long program is taken back, and idle slots get what waits', () => {
  const long = laneOf(3, 0);
  const [short, shorter] = [laneOf(4, 1000), laneOf(2, 1000)];
  const lanes = [long, short, shorter, laneOf(1, 1000)];
  const view = { medianMs: 1, nowMs: 1001 };
  assert.deepEqual(misplaced(lanes, 0, view), [...long.attempts].slice(1));
  assert.deepEqual(misplaced([short, shorter], 2, view), [...short.attempts].slice(2).reverse());
  assert.equal(misplaced([short, shorter], 9, view).length, 4, 'what runs stays');
});

test('a lane whose ends gather is held up only when nothing is heard for longer than that', () => {
  const lane = laneOf(4, 0, 250);
  assert.deepEqual(misplaced([lane], 0, { medianMs: 100, nowMs: 450 }), []);
  assert.equal(misplaced([lane], 0, { medianMs: 100, nowMs: 501 }).length, 3);
  assert.equal(untoldMs(lane), 250);
  assert.equal(untoldMs(laneOf(1, 0, 250)), 0, 'it alone is told of at once');
});

test('hundreds of short programs run once each, and never more at once than slots', async () => {
  await using field = await openField();
  const { server, dir } = field;
  mkdirSync(join(dir, 'running'));
  const command = `mkdir ${dir}/running/$x; echo $x $(ls ${dir}/running | wc -l) >> ${dir}/log; rmdir ${dir}/running/$x`;
  server.addTasks(jobOf(command), rowsOf(300));
  field.start();
  await server.until(() => server.ended.size === 300);
  const lines = readFileSync(join(dir, 'log'), 'utf8').trim().split('\n');
  assert.equal(new Set(lines.map((line) => line.split(' ')[0])).size, 300);
  assert.equal(lines.length, 300);
  assert.ok(lines.every((line) => Number(line.split(' ')[1]) <= 2));
});

test('programs of a tenth of a second are told of together, each with the time that it had', async () => {
  await using field = await openField();
  const { server } = field;
  server.addTasks(jobOf('sleep 0.08'), rowsOf(16));
  field.start({ slots: 1 });
  await server.until(() => server.ended.size === 16);
  const ends = [...server.ended.values()].sort((a, b) => a.startedAtMs - b.startedAtMs);
  for (const [i, { startedAtMs }] of ends.entries()) {
    const before = ends[i - 1]?.endedAtMs ?? 0;
    // Both are rounded, and a busy machine may do something else between two looks at a clock.
    assert.ok(
      startedAtMs >= before - 40,
      `one began ${before - startedAtMs} ms before the last had ended`,
    );
  }
});

test('a long program among short ones holds none of them up', async () => {
  await using field = await openField();
  const { server, dir } = field;
  const go = join(dir, 'go');
  const command = `[ $x -ne 200 ] || until [ -e ${go} ]; do sleep 0.02; done`;
  server.addTasks(jobOf(command), rowsOf(400));
  field.start();
  await server.until(() => server.ended.size === 399);
  writeFileSync(go, '');
  await server.until(() => server.ended.size === 400);
  assert.equal(server.ignored, 0);
});

test('attempts that are cancelled while they wait for a long one never run', async () => {
  await using field = await openField();
  const { server, dir } = field;
  const [go, began, log] = [join(dir, 'go'), join(dir, 'began'), join(dir, 'log')];
  const long = `: > ${began}; until [ -e ${go} ]; do sleep 0.02; done`;
  const trace = `echo $$WINDROW_TICKET >> ${log}`;
  server.repeatsCancels = true;
  server.addTasks(jobOf(`if [ $x -eq 100 ]; then ${long}; else ${trace}; fi`), rowsOf(120));
  field.start({ slots: 1 });
  await until(() => existsSync(began));
  const ahead = () => [...server.current].filter(([, { task }]) => task > 100).map(([id]) => id);
  await server.until(() => ahead().length > 0);
  const tickets = ahead();
  server.cancels = tickets.map((ticket) => ({ ticket, cause: 'cancelled' as const }));
  server.change();
  // Those that waited in the starter are told of; those that waited for it are held no more.
  await server.until(() => !tickets.some((ticket) => server.current.has(ticket)));
  writeFileSync(go, '');
  await server.until(() => server.current.size === 0 && server.waiting.length === 0);
  const ran = readFileSync(log, 'utf8').trim().split('\n').map(Number);
  assert.deepEqual(
    ran.filter((ticket) => tickets.includes(ticket)),
    [],
  );
});
