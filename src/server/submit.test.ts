import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { NO_OFFER, NO_POLICY, type UserCode } from '#model';
import { jobKey } from '#sweep';
import { ended, type Field, openField, specOf, TOKEN, until } from './testing/field.ts';

const rowsOf = (...values: string[]) => [
  { kind: 'values' as const, columns: ['i'], rows: values.map((value) => [value]) },
];

async function validator(field: Field, code: string): Promise<UserCode> {
  const path = join(field.root, 'validate.ts');
  writeFileSync(path, code);
  const sha256 = createHash('sha256').update(code).digest('hex');
  const response = await fetch(`${field.url}/v1/blobs/${sha256}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/octet-stream' },
    body: code,
  });
  assert.equal(response.status, 201);
  return { kind: 'module', path, sha256 };
}

test('the same sweep again goes on: what is done stays, what failed is tried again', async (t) => {
  const field = await openField(t);
  const output = join(field.root, 'out');
  const { job } = await field.submit({ output });
  const worker = field.worker('a');
  await worker.workOff(({ task }) => (task === 2 ? 'exit-code' : 'ok'));
  assert.equal(field.job(job).state, 'failed');
  const again = await field.submit({ output });
  assert.equal(again.outcome, 'continued');
  assert.equal(again.job, job);
  assert.deepEqual([again.rerun.kept, again.rerun.failed], [3, 1]);
  assert.equal(await worker.workOff(), 1);
  await field.server.settled();
  assert.equal(readFileSync(join(output, 'out'), 'utf8'), '1\n2\n3\n4\n');
  assert.equal((await field.submit({ output })).rerun.kept, 4);
});

test('other requirements and policies hold for what has not started yet, and it is told so', async (t) => {
  const field = await openField(t);
  const { job } = await field.submit({ requirements: 'TARGET.Rack == "a"' });
  const offer = { ...NO_OFFER, attributes: { Rack: '"a"' } };
  const worker = field.worker('a', 1);
  const [first] = (await worker.sync([], { offer })).attempts;
  await worker.sync([ended(first!)], { freeSlots: 0 });
  const rule = { when: 'ExitCode =!= 0', reason: '"never"', subcode: '' };
  const policy = { ...NO_POLICY, rules: { onExitHold: rule } };
  const again = await field.submit({ requirements: 'TARGET.Rack == "b"', policy });
  assert.deepEqual([again.outcome, again.job, again.rerun.kept], ['continued', job, 1]);
  assert.match(again.warnings[0], /: requirements, policies; .* the task that is done stays/);
  const knownJobs = [job];
  assert.equal((await worker.sync([], { knownJobs })).attempts.length, 0);
  // What it knows of the job is not so any more.
  const moved = { ...offer, attributes: { Rack: '"b"' } };
  const next = await worker.sync([], { offer: moved, knownJobs });
  assert.equal(next.attempts.length, 1);
  assert.match(next.jobs[0]?.ad ?? '', /OnExitHoldReason = "never"/);
  const last = await worker.sync(
    next.attempts.map((attempt) => ended(attempt)),
    { offer: moved, knownJobs },
  );
  assert.deepEqual([last.attempts.length, last.jobs.length], [1, 0]);
});

test('changed rows run, kept rows are taken over from the earlier job without a run', async (t) => {
  let field = await openField(t);
  const output = join(field.root, 'out');
  const worker = field.worker('a');
  await field.submit({ output, axes: rowsOf('1', '2', '3') });
  await worker.workOff();
  const changed = await field.submit({ output, axes: rowsOf('3', '9', '1', '1') });
  assert.deepEqual(
    [changed.rerun.kept, changed.rerun.fresh, changed.rerun.changedParts],
    [2, 2, ['rows']],
  );
  const { json: shown } = await field.api('GET', `/v1/jobs/${changed.job}`);
  assert.equal(shown.progress.ratePerSecond, 0, 'what was done before says nothing of the pace');
  assert.equal(await worker.workOff(), 2);
  await field.server.settled();
  assert.equal(readFileSync(join(output, 'out'), 'utf8'), '3\n9\n1\n1\n');
  field = await field.restart();
  const { json } = await field.api('GET', `/v1/jobs/${changed.job}/stats`);
  assert.equal(json.reused, 2);
  const third = await field.submit({ output, axes: rowsOf('1', '3') });
  assert.equal(third.rerun.kept, 2);
  await field.server.settled();
  assert.equal(readFileSync(join(output, 'out'), 'utf8'), '1\n3\n');
});

test('a preview shows the rows that would run, wherever in the table they are', async (t) => {
  const field = await openField(t);
  const output = join(field.root, 'out');
  const numbers = Array.from({ length: 40 }, (_, i) => String(i));
  await field.submit({ output, axes: rowsOf(...numbers) });
  await field.worker('a').workOff(({ task }) => (task === 33 ? 'exit-code' : 'ok'));
  const spec = specOf({ output, axes: rowsOf(...numbers, 'new') });
  const { key, parts } = jobKey(spec);
  const asked = { spec, key, keyParts: parts, warnings: ['mind'] };
  const { json } = await field.api('POST', '/v1/jobs/preview', asked);
  assert.deepEqual([json.kept, json.failed, json.fresh, json.warnings], [39, 1, 1, ['mind']]);
  assert.deepEqual(
    json.examples.map((one: { task: number; why: string }) => [one.task, one.why]),
    [
      [33, 'failed'],
      [40, 'fresh'],
    ],
  );
});

test('a changed command runs everything again and says which part changed', async (t) => {
  const field = await openField(t);
  const output = join(field.root, 'out');
  await field.submit({ output });
  await field.worker('a').workOff();
  const command = { kind: 'argv' as const, template: ['echo', '-n', '$i'] };
  const changed = await field.submit({ output, command });
  assert.deepEqual([changed.rerun.changed, changed.rerun.changedParts], [4, ['command']]);
  const afresh = await field.submit({ output, command }, true);
  assert.equal(afresh.rerun.fresh, 4);
  // Two jobs never write to one output at the same time.
  assert.equal(field.job(changed.job).state, 'removed');
});

const inTime = { timeout: 60_000 };

test('equal rows are found again one to one, however many they are', inTime, async (t) => {
  const field = await openField(t);
  const output = join(field.root, 'out');
  const some = Array.from({ length: 5 }, (_, i) => (i === 3 ? 'b' : 'a'));
  await field.submit({ output, axes: rowsOf(...some) });
  await field.worker('a').workOff(({ task }) => (task === 1 ? 'exit-code' : 'ok'));
  const { rerun } = await field.submit({ output, axes: rowsOf('b', 'a', 'a', 'b', 'a', 'a', 'a') });
  assert.deepEqual([rerun.kept, rerun.failed, rerun.fresh], [4, 1, 2]);
  // If each looked at all that others have found, this would take minutes.
  const many = (count: number) => rowsOf(...Array<string>(count).fill('a'));
  await field.submit({ output, axes: many(100_000) });
  const last = await field.submit({ output, axes: many(100_001) });
  assert.deepEqual([last.rerun.kept, last.rerun.failed, last.rerun.fresh], [3, 99_997, 1]);
});

test('rows are found again when their columns are written in another order', async (t) => {
  const field = await openField(t);
  const output = join(field.root, 'out');
  const axes = (columns: readonly string[], ...rows: string[][]) => [
    { kind: 'values' as const, columns, rows },
  ];
  await field.submit({ output, axes: axes(['i', 'k'], ['1', '2'], ['3', '4']) });
  await field.worker('a').workOff();
  const turned = axes(['k', 'i'], ['4', '3'], ['1', '2'], ['2', '1']);
  const { rerun } = await field.submit({ output, axes: turned });
  assert.deepEqual([rerun.kept, rerun.fresh], [2, 1]);
  const other = await field.submit({ output, axes: axes(['j', 'i'], ['4', '3'], ['2', '1']) });
  assert.equal(other.rerun.kept, 0);
});

test('a change that is taken back runs nothing again', async (t) => {
  const field = await openField(t);
  const output = join(field.root, 'out');
  const worker = field.worker('a');
  const first = await field.submit({ output });
  await worker.workOff();
  const command = { kind: 'argv' as const, template: ['echo', '-n', '$i'] };
  await field.submit({ output, command });
  await worker.workOff();
  const { rerun } = await field.submit({ output });
  assert.deepEqual([rerun.kept, rerun.fresh, rerun.continues], [4, 0, first.job]);
  assert.equal(await worker.workOff(), 0);
  await field.server.settled();
  assert.equal(readFileSync(join(output, 'out'), 'utf8'), '1\n2\n3\n4\n');
});

test('results that the validator refuses are quarantined and the task is tried again', async (t) => {
  const field = await openField(t);
  const output = join(field.root, 'out');
  const validate = await validator(
    field,
    `export default ({ i }, { out }) => i !== '2' || out.trim() === '22' || 'two is odd';`,
  );
  const { job } = await field.submit({ output, validate, retries: 1 });
  const worker = field.worker('a', 4);
  const { attempts } = await worker.sync();
  await worker.sync(attempts.map((one) => ended(one)));
  await until(() => field.job(job).tasks.counts().done === 3);
  const [again] = (await worker.sync([], { waitMs: 5000 })).attempts;
  assert.equal(again!.number, 2);
  const text = '22\n';
  const parts = [{ name: 'out', kind: 'result', file: 'stdout', cutBytes: 0, text }] as const;
  await worker.sync([ended(again!, 'ok', { parts })]);
  await until(() => field.job(job).state === 'done');
  await field.server.settled();
  assert.equal(readFileSync(join(output, 'out'), 'utf8'), '1\n22\n3\n4\n');
  const reasons = readFileSync(join(output, 'quarantine', 'reasons.jsonl'), 'utf8');
  assert.match(reasons, /two is odd/);
  const { json } = await field.api('GET', `/v1/jobs/${job}/tasks/1`);
  assert.deepEqual(
    json.attemptList.map((attempt: { cause: string }) => attempt.cause),
    ['invalid-result', 'ok'],
  );
});

test('a validator that throws holds the task with its results; mended, it checks them without a new run', async (t) => {
  let field = await openField(t);
  const output = join(field.root, 'out');
  const broken = await validator(field, `export default () => { throw new Error('oh no'); };`);
  const { job } = await field.submit({ output, validate: broken });
  assert.equal(await field.worker('a').workOff(), 4);
  await until(() => field.job(job).state === 'failed');
  const { json } = await field.api('GET', `/v1/jobs/${job}/tasks/0`);
  assert.equal(json.state, 'held');
  assert.match(json.reason, /the validator failed, not the program: .*oh no/);
  // Whoever is to mend the validator sees what it failed at.
  const [attempt] = json.attemptList;
  assert.deepEqual([json.attempts, attempt.cause, attempt.next], [1, 'ok', null]);
  const result = await field.api('GET', `/v1/jobs/${job}/results?task=0`);
  assert.equal(result.json.text, '1\n');
  const { json: unknown } = await field.api('GET', `/v1/jobs/${job}/results?name=nosuch`);
  assert.equal(unknown.detail, `job ${job} has no result nosuch; it has: out`);
  const log = await field.api('GET', `/v1/jobs/${job}/logs?grep=3`);
  assert.deepEqual([log.json.task, log.json.text], [2, '3']);
  field = await field.restart();
  const mended = await validator(field, 'export default () => true;');
  const again = await field.submit({ output, validate: mended });
  assert.equal(again.outcome, 'continued');
  await until(() => field.job(job).state === 'done');
  await field.server.settled();
  assert.equal(readFileSync(join(output, 'out'), 'utf8'), '1\n2\n3\n4\n');
  const { json: stats } = await field.api('GET', `/v1/jobs/${job}/stats`);
  assert.deepEqual(stats.causes, { ok: 4 });
});

test('a server killed while results are taken over neither loses, repeats nor counts any twice', async (t) => {
  const field = await openField(t);
  const output = join(field.root, 'out');
  const axes = (to: string) => [{ kind: 'range', column: 'i', from: '1', to, step: '1' }] as const;
  await field.submit({ axes: axes('6000'), output });
  await field.worker('a', 3000).workOff();
  const { core } = field.server;
  const root = join(field.root, 'copy');
  const durable = core.commit.durable.bind(core.commit);
  core.commit.durable = async () => {
    await durable();
    const isTaking = core.nextJob === 3 && !core.jobs.has(2);
    if (isTaking && !existsSync(root))
      cpSync(join(field.root, 'state'), join(root, 'state'), { recursive: true });
  };
  await field.submit({ axes: axes('6001'), output });
  assert.ok(existsSync(root));
  const again = await openField(t, { root });
  assert.equal(again.job(2).state, 'removed');
  const { job, rerun } = await again.submit({ axes: axes('6001'), output });
  assert.deepEqual([job, rerun.kept, rerun.fresh], [3, 6000, 1]);
  assert.equal(await again.worker('b').workOff(), 1);
  await again.server.settled();
  assert.equal(readFileSync(join(output, 'out'), 'utf8').split('\n').length, 6002);
});

test('a job whose table was damaged is paused and says so; the server goes on', async (t) => {
  const field = await openField(t);
  const rows = Array.from({ length: 5000 }, (_, i) => `${i}\n`).join('');
  const put = await fetch(`${field.url}/v1/tables?format=csv&file=grid.csv`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/octet-stream' },
    body: `i\n${rows}`,
  });
  const { table } = (await put.json()) as { table: string };
  const { job } = await field.submit({ name: 'damaged', axes: [{ kind: 'file', table }] });
  truncateSync(join(field.root, 'state', 'tables', table), 100);
  const worker = field.worker('a', 4000);
  const waiting = worker.sync([], { waitMs: 200 });
  assert.deepEqual((await waiting).attempts, []);
  const { json } = await field.api('GET', `/v1/jobs/${job}`);
  assert.equal(json.state, 'paused');
  assert.match(json.reason, /its parameter table cannot be read/);
  assert.equal(json.counts.waiting, 5000);
  await field.submit({ name: 'other' });
  assert.equal((await worker.sync()).attempts.length, 4);
});

test('an expression that is none is refused by the server too, whoever sends it', async (t) => {
  const field = await openField(t);
  const validate = { kind: 'expression', text: 'energy <' } as const;
  await assert.rejects(field.submit({ validate }), /CLASSAD_SYNTAX_WRONG/);
  assert.equal(field.server.core.jobs.size, 0);
});
