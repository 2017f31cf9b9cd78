import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '#base';
import { parseBracketedAd, printNode } from '#classad';
import { Activity, type Effort } from './activity.ts';
import { ended, openField } from './testing/field.ts';

const MINUTE_MS = 60_000;
const ROWS = [{ kind: 'range', column: 'i', from: '1', to: '5', step: '1' }] as const;

test('the ad of a server counts tasks as a scheduler counts jobs, lately and in all', async (t) => {
  const clock = new ManualClock();
  const field = await openField(t, { clock });
  await field.submit({ axes: ROWS });
  const worker = field.worker('one', 2);
  const [first] = (await worker.sync()).attempts;
  await worker.sync([ended(first!, 'ok')], { freeSlots: 0 });
  await field.api('PATCH', '/v1/jobs/1/tasks', { action: 'hold', tasks: [[4, 4]] });
  const adNow = async () => {
    const { json } = await field.api('GET', '/v1/server?attributes=*');
    const { attributes } = parseBracketedAd(json.ad);
    return (names: string) =>
      names
        .split(' ')
        .map((name) => printNode(attributes.get(name.toLowerCase())!.expression.node));
  };
  const told = await adNow();
  const states = 'TotalIdleJobs TotalRunningJobs TotalHeldJobs TotalJobAds TotalClusters NumOwners';
  assert.deepEqual(told(states), ['2', '1', '1', '4', '1', '1']);
  const deeds = 'JobsSubmitted JobsStarted JobsExited JobsCompleted RecentJobsCompleted';
  assert.deepEqual(told(deeds), ['5', '2', '1', '1', '1']);
  assert.deepEqual(told('MyType TotalWorkers TotalSlots BusySlots ServerState'), [
    ...['"Scheduler"', '1', '2', '1', '"running"'],
  ]);
  clock.advance(21 * MINUTE_MS);
  const later = await adNow();
  assert.deepEqual(later('JobsCompleted RecentJobsCompleted StatsLifetime'), ['1', '0', '1260']);
});

test('a constraint on the server says whether it is true, and refuses what is no expression', async (t) => {
  const field = await openField(t);
  const asked = async (constraint: string) => {
    const query = new URLSearchParams({ constraint, attributes: 'TotalSlots' });
    return await field.api('GET', `/v1/server?${query}`);
  };
  const { json } = await asked('TotalSlots == 0');
  assert.deepEqual([json.fits, json.ad], [true, '[ TotalSlots = 0 ]']);
  assert.equal((await asked('NoSuchName > 1')).json.fits, false);
  const { status, json: problem } = await asked('TotalSlots >');
  assert.deepEqual([status, problem.code], [400, 'CLASSAD_SYNTAX_WRONG']);
});

test('what is recent leaves the window a minute at a time', () => {
  const effort = (busyMs: number, atMs: number): Effort => ({
    loop: { active: busyMs, idle: atMs - busyMs, utilization: 0 },
    cpu: { user: busyMs * 1000, system: 0 },
  });
  let now = effort(0, 0);
  const activity = new Activity(0, () => now);
  activity.add('started', 3, 0);
  now = effort(MINUTE_MS, MINUTE_MS);
  activity.add('started', 4, MINUTE_MS);
  assert.equal(activity.recent(2 * MINUTE_MS).deeds.started, 7);
  now = effort(MINUTE_MS, 20.5 * MINUTE_MS);
  const { deeds, forMs, loopShare } = activity.recent(20.5 * MINUTE_MS);
  assert.deepEqual([deeds.started, forMs, loopShare], [4, 19.5 * MINUTE_MS, 0]);
  assert.equal(activity.whole(20.5 * MINUTE_MS).deeds.started, 7);
});
