import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EQUAL_SHARES, ManualClock } from '#base';
import { NO_OFFER } from '#model';
import { ended, openField } from './testing/field.ts';

const row = (to: number) =>
  [{ kind: 'range', column: 'i', from: '1', to: String(to), step: '1' }] as const;

test('a task goes only to machines that are what it requires, and that let it in', async (t) => {
  const field = await openField(t);
  await field.submit({ name: 'picky', requirements: 'TARGET.Rack == "r12"', owner: 'ada' });
  const offer = { ...NO_OFFER, attributes: { Rack: '"r12"' } };
  const elsewhere = field.worker('elsewhere');
  assert.equal((await elsewhere.sync()).attempts.length, 0);
  const closed = field.worker('closed');
  const bobs = { ...offer, start: 'TARGET.Owner == "bob"' };
  assert.equal((await closed.sync([], { offer: bobs })).attempts.length, 0);
  const right = field.worker('right');
  const { attempts } = await right.sync([], { offer });
  assert.equal(attempts.length, 2);

  const { json } = await field.api('GET', '/v1/jobs/1/why');
  assert.equal(json.waiting, 2);
  assert.deepEqual(
    json.matching.refusals.map((one: { by: string; names: string[] }) => [one.by, one.names]),
    [
      ['requirements', ['elsewhere']],
      ['start', ['closed']],
    ],
  );
  const [rack] = json.matching.conjuncts;
  assert.deepEqual([rack.trueSlots, rack.undefinedSlots, rack.aloneSlots], [4, 2, 2]);
  assert.equal(rack.part, 'TARGET.Rack');
});

test('requirements and rank look at the parameters of a row, also after a restart', async (t) => {
  const rows = Array.from({ length: 8 }, (_, at) => [String(at), at % 2 ? '64' : '8', 'left']);
  const wish = {
    name: 'rows',
    axes: [{ kind: 'values', columns: ['i', 'gigabytes', 'side'], rows }] as const,
    requirements: 'TARGET.Memory >= Least && (side == "left" || TARGET.Rack == side)',
    attributes: { Least: 'gigabytes * 1024' },
  };
  const field = await openField(t);
  const { warnings } = await field.submit(wish);
  assert.deepEqual(warnings, []);
  const memoryBytes = 16 * 2 ** 30;
  const small = field.worker('small', 8);
  const first = await small.sync([], { memoryBytes });
  const side = first.attempts.map(({ cells }) => cells[1]);
  assert.deepEqual(side, ['8', '8', '8', '8']);
  const { json } = await field.api('GET', '/v1/jobs/1/why');
  assert.equal(json.answers.length, 1);
  assert.match(
    json.answers[0],
    /^rows with gigabytes = 64, side = left \(4\): worker small: .*Memory/,
  );
  const one = (await field.api('GET', '/v1/jobs/1/why?task=3')).json;
  assert.match(one.advice?.[0] ?? one.answers[0], /TARGET\.Memory >= Least is false/);

  const again = await field.restart();
  const same = again.worker('small', 8);
  const ends = first.attempts.map((attempt) => ended(attempt));
  assert.equal((await same.sync(ends, { memoryBytes })).attempts.length, 0);
  const large = again.worker('large', 8);
  const rest = await large.sync([], { memoryBytes: 128 * 2 ** 30 });
  assert.deepEqual(
    rest.attempts.map(({ cells }) => cells[0]),
    ['1', '3', '5', '7'],
  );
  await large.sync(rest.attempts.map((attempt) => ended(attempt)));
  assert.equal(again.job(1).state, 'done');
});

test('a column with a value for each row is refused in requirements', async (t) => {
  const field = await openField(t);
  const wish = { requirements: 'TARGET.Memory > i', name: 'too-many' };
  await assert.rejects(field.submit({ ...wish, axes: row(251) }), /REQUIREMENTS_TOO_VARIED/);
  await field.submit({ ...wish, axes: row(250) });
});

test('a machine whose policy the server has forgotten gets nothing before it has told it again', async (t) => {
  const field = await openField(t);
  await field.submit({ owner: 'ada' });
  const offer = { ...NO_OFFER, start: 'TARGET.Owner == "bob"' };
  const worker = field.worker('own');
  assert.equal((await worker.sync([], { offer })).attempts.length, 0);
  const again = await field.restart();
  const same = again.worker('own');
  const asked = await same.sync([], { offer: null, waitMs: 10_000 });
  assert.deepEqual([asked.attempts.length, asked.settings.tellOffer], [0, true]);
  const told = await same.sync([], { offer });
  assert.deepEqual([told.attempts.length, told.settings.tellOffer], [0, false]);
  const free = await same.sync([], { offer: NO_OFFER });
  assert.equal(free.attempts.length, 2);
});

test('a machine that does not let a job in itself gets other work, and why says so', async (t) => {
  const field = await openField(t);
  await field.submit({ name: 'a' });
  const worker = field.worker('own');
  assert.equal((await worker.sync()).attempts.length, 2);
  // Both went back.
  assert.equal(
    (await worker.sync([], { declined: [1], holding: [], freeSlots: 2 })).attempts.length,
    0,
  );
  const { json } = await field.api('GET', '/v1/jobs/1/why');
  assert.deepEqual(json.answers, [
    'worker own: its START, looked at there, does not let the job in',
  ]);
  await field.submit({ name: 'b' });
  const { attempts } = await worker.sync([], { declined: [1], holding: [], freeSlots: 2 });
  assert.deepEqual(
    attempts.map(({ job }) => job),
    [2, 2],
  );
});

test('what is no expression is refused, from a machine as from a job, and harms nobody', async (t) => {
  const field = await openField(t);
  const bad = field.worker('bad');
  for (const offer of [
    { ...NO_OFFER, start: 'x +' },
    { ...NO_OFFER, attributes: { A: `${'('.repeat(9000)}1${')'.repeat(9000)}` } },
    { ...NO_OFFER, attributes: { 'not a name': '1' } },
  ]) {
    await assert.rejects(bad.sync([], { offer }), /MESSAGE_MALFORMED/);
  }
  for (const spec of [
    { requirements: 'TARGET.' },
    { rank: '1 ++' },
    { attributes: { A: '"' } },
    { attributes: { Owner: '"root"' } },
    { attributes: { HoldReasonCode: '1' } },
  ]) {
    await assert.rejects(field.submit(spec), /SWEEP_/);
  }
  const { json } = await field.api('GET', '/v1/jobs?constraint=x%20%2B');
  assert.equal(json.code, 'CLASSAD_SYNTAX_WRONG');
});

test('a job whose requirements take all the time there is leaves the machines to others', async (t) => {
  const field = await openField(t);
  // Each is twice as long as the one before: the last would have 2^60 characters.
  const doubled = Array.from({ length: 60 }, (_, at) => [`A${at + 1}`, `strcat(A${at}, A${at})`]);
  const attributes = { A0: `"${'x'.repeat(100)}"`, ...Object.fromEntries(doubled) };
  const requirements = 'size(A60) < TARGET.Cpus || regexp("(x+x+)+y", A9)';
  await field.submit({ name: 'hostile', requirements, attributes });
  await field.submit({ name: 'honest', owner: 'ada' });
  const begun = performance.now();
  const { attempts } = await field.worker('a').sync();
  assert.deepEqual(
    attempts.map(({ job }) => job),
    [2, 2],
  );
  assert.ok(performance.now() - begun < 30_000);
  const { json } = await field.api('GET', '/v1/jobs/1/why');
  assert.match(json.answers[0], /is error, for it takes too much text$/);
});

test('owners share the slots, and who has used more gets less, also after a restart', async (t) => {
  const clock = new ManualClock();
  const sharing = { ...EQUAL_SHARES, halfLifeMs: 3_600_000 };
  const field = await openField(t, { clock, sharing, leaseMs: 86_400_000 });
  const submit = (on: typeof field, owner: string, name: string) =>
    on.submit({ name, owner, priority: owner === 'ada' ? 9 : 0, axes: row(100) });
  await submit(field, 'ada', 'one');
  await submit(field, 'bob', 'two');
  const worker = field.worker('a', 8);
  const { attempts } = await worker.sync();
  const count = (all: typeof attempts, job: number) => all.filter((one) => one.job === job).length;
  assert.deepEqual([count(attempts, 1), count(attempts, 2)], [4, 4]);
  // Bob's four end at once; those of ada go on for an hour.
  const bobs = attempts.filter(({ job }) => job === 2);
  await worker.sync(
    bobs.map((attempt) => ended(attempt)),
    { freeSlots: 0, awayMs: 7_200_000 },
  );
  clock.advance(3_600_000);
  const adas = attempts.filter(({ job }) => job === 1);
  await worker.sync(
    adas.map((attempt) => ended(attempt)),
    { freeSlots: 0 },
  );
  const { json } = await field.api('GET', '/v1/jobs/1/why');
  assert.deepEqual(
    json.shares.map(({ owner, averageCpus }: { owner: string; averageCpus: number }) => [
      owner,
      averageCpus,
    ]),
    [
      ['bob', 0],
      ['ada', 2],
    ],
  );
  const again = await field.restart();
  const next = await again.worker('b', 10).sync();
  assert.deepEqual([count(next.attempts, 1), count(next.attempts, 2)], [2, 8]);
});

test('no more of a limit is in use than there is, and what ends gives it back', async (t) => {
  const sharing = { ...EQUAL_SHARES, limits: { licence: 3 } };
  const field = await openField(t, { sharing });
  const licence = { concurrencyLimits: { licence: 2 } };
  await field.submit({ name: 'a', ...licence });
  await field.submit({ name: 'b', concurrencyLimits: { licence: 1 } });
  const worker = field.worker('w', 8);
  const first = await worker.sync();
  assert.deepEqual(
    first.attempts.map(({ job }) => job),
    [1, 2],
  );
  const { json } = await field.api('GET', '/v1/jobs/1/why');
  assert.match(json.answers[0], /takes 2 of licence, and 3 of 3 are in use/);
  assert.deepEqual(json.limits, [{ name: 'licence', amount: 2, most: 3, used: 3 }]);
  const second = await worker.sync([ended(first.attempts[1]!)]);
  assert.deepEqual(
    second.attempts.map(({ job }) => job),
    [2],
  );
  // A server that starts anew counts what still runs.
  const again = await field.restart();
  const same = again.worker('w', 8);
  for (const ticket of worker.holding) same.holding.add(ticket);
  const third = await same.sync([], { sequence: 50 });
  assert.equal(third.attempts.length, 0);
});

test('why tells of a task what became of it', async (t) => {
  const field = await openField(t);
  await field.submit({ retries: 0 });
  const worker = field.worker('w', 2);
  const { attempts } = await worker.sync();
  await worker.sync([ended(attempts[0]!, 'exit-code')], { freeSlots: 0 });
  const holding = { action: 'hold', reason: 'look at it', tasks: [[3, 3]], subcode: 7 };
  await field.api('PATCH', '/v1/jobs/1/tasks', holding);
  const why = async (task: number) => (await field.api('GET', `/v1/jobs/1/why?task=${task}`)).json;
  assert.match((await why(0)).answers[0], /failed for good after 1 attempt: /);
  assert.deepEqual((await why(0)).todo, ['windrow logs 1.0', 'windrow retry 1.0']);
  assert.match((await why(1)).answers[0], /running on w/);
  assert.match((await why(2)).answers[0], /1 able worker/);
  const held = await why(3);
  assert.deepEqual(held.answers, ['it is held: look at it']);
  assert.deepEqual(held.hold, { code: 1, subcode: 7, name: 'UserRequest' });
  const whole = (await field.api('GET', '/v1/jobs/1/why')).json;
  assert.ok(whole.answers.includes('1 of its tasks failed'));
  assert.equal(whole.failures[0].example, 0);
});
