import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ended, openField, until } from './testing/field.ts';

const ROWS = [{ kind: 'values', columns: ['i'], rows: [['1'], ['2']] }] as const;

test('a job that could not be collected does not write over what a later one has collected', async (t) => {
  const field = await openField(t);
  const output = join(field.root, 'out');
  await field.submit({ axes: ROWS, output });
  const worker = field.worker('a');
  // A folder in the place of a file: nothing can be collected.
  mkdirSync(join(output, 'out', 'full'), { recursive: true });
  await worker.workOff();
  await field.server.settled();
  rmSync(join(output, 'out'), { recursive: true });
  const axes = [{ kind: 'values', columns: ['i'], rows: [['7']] }] as const;
  await field.submit({ axes, output });
  await worker.workOff();
  await field.server.settled();
  assert.equal(readFileSync(join(output, 'out'), 'utf8'), '7\n');
  const again = await field.restart();
  await again.server.settled();
  assert.equal(readFileSync(join(output, 'out'), 'utf8'), '7\n');
});

test('a sweep that asks for other outputs is collected anew, although nothing is left to run', async (t) => {
  const field = await openField(t);
  const output = join(field.root, 'out');
  const { job } = await field.submit({ axes: ROWS, output });
  await field.worker('a').workOff();
  await field.server.settled();
  assert.equal(readFileSync(join(output, 'out'), 'utf8'), '1\n2\n');
  const again = await field.submit({ axes: ROWS, output, collect: { kind: 'blockwise' } });
  assert.equal(again.job, job);
  await field.server.settled();
  assert.match(readFileSync(join(output, 'out.blocks'), 'utf8'), /1\n/);
  assert.ok(field.job(job).collectedAtMs! >= field.job(job).stateAtMs);
});

test('outputs that could not be written are written when the sweep is submitted again', async (t) => {
  const field = await openField(t);
  const output = join(field.root, 'out');
  const { job } = await field.submit({ axes: ROWS, output });
  mkdirSync(join(output, 'out', 'full'), { recursive: true });
  await field.worker('a').workOff();
  await field.server.settled();
  assert.notEqual(field.job(job).collectionError, null);
  rmSync(join(output, 'out'), { recursive: true });
  await field.submit({ axes: ROWS, output });
  await field.server.settled();
  assert.equal(field.job(job).collectionError, null);
  assert.equal(readFileSync(join(output, 'out'), 'utf8'), '1\n2\n');
});

test('files of an earlier collection go, but none that the user has made or changed', async (t) => {
  let field = await openField(t);
  const output = join(field.root, 'out');
  const formats = ['csv', 'sqlite'] as const;
  const { job } = await field.submit({ axes: ROWS, output, collect: { kind: 'table', formats } });
  await field.worker('a').workOff();
  await field.server.settled();
  assert.deepEqual(readdirSync(output).sort(), ['results.csv', 'results.sqlite']);
  writeFileSync(join(output, 'notes'), 'mine');
  appendFileSync(join(output, 'results.sqlite'), 'mine too');
  field = await field.restart();
  await field.submit({ axes: ROWS, output, collect: { kind: 'blockwise' } });
  await field.server.settled();
  assert.deepEqual(readdirSync(output).sort(), ['notes', 'out.blocks', 'results.sqlite']);
  // Another job, which replaces this one.
  const axes = [{ kind: 'values', columns: ['i'], rows: [['7']] }] as const;
  const other = await field.submit({ axes, output });
  await field.worker('b').workOff();
  await field.server.settled();
  assert.deepEqual(readdirSync(output).sort(), ['notes', 'out', 'results.sqlite']);
  assert.deepEqual(field.job(job).published, []);
  assert.notEqual(other.job, job);
});

test('outputs that the user has removed are there again when the sweep is submitted again', async (t) => {
  let field = await openField(t);
  const output = join(field.root, 'out');
  const { job } = await field.submit({ axes: ROWS, output });
  await field.worker('a').workOff();
  await field.server.settled();
  field = await field.restart();
  for (const remove of [join(output, 'out'), output]) {
    rmSync(remove, { recursive: true });
    const { json } = await field.api('GET', `/v1/jobs/${job}/output`);
    assert.deepEqual(json.files, []);
    await field.submit({ axes: ROWS, output });
    await field.server.settled();
    assert.equal(readFileSync(join(output, 'out'), 'utf8'), '1\n2\n');
  }
  writeFileSync(join(output, 'out'), 'edited');
  await field.submit({ axes: ROWS, output });
  await field.server.settled();
  assert.equal(readFileSync(join(output, 'out'), 'utf8'), 'edited', 'only what lacks is written');
});

test('a collected file is not a way to what is Windrow’s own', async (t) => {
  const field = await openField(t);
  const output = join(field.root, 'out');
  const { job } = await field.submit({ axes: ROWS, output });
  mkdirSync(join(output, '.windrow'));
  writeFileSync(join(output, '.windrow', 'session'), 'secret');
  for (const file of ['.windrow/session', 'x/../.windrow/session', './.windrow/session']) {
    const path = `/v1/jobs/${job}/output/file?file=${encodeURIComponent(file)}`;
    const { status, json } = await field.api('GET', path);
    assert.deepEqual([status, json.code], [404, 'OUTPUT_FILE_UNKNOWN'], file);
  }
});

test('tasks are tried again once, however often they are named, and never of a removed job', async (t) => {
  const field = await openField(t);
  const { job } = await field.submit({ axes: ROWS });
  const worker = field.worker('a');
  const { attempts } = await worker.sync();
  await worker.sync(
    attempts.map((one) => ended(one, 'exit-code')),
    { freeSlots: 0 },
  );
  const { json } = await field.api('POST', `/v1/jobs/${job}/retry`, { tasks: [0, 0, 0] });
  assert.equal(json.retried, 1);
  const { json: stats } = await field.api('GET', `/v1/jobs/${job}/stats`);
  assert.equal(stats.failures[0].tasks, 1);
  await field.api('PATCH', `/v1/jobs/${job}`, { action: 'remove' });
  const refused = await field.api('POST', `/v1/jobs/${job}/retry`, {});
  assert.deepEqual([refused.status, refused.json.code], [409, 'JOB_REMOVED']);
  assert.equal(field.job(job).state, 'removed');
});

test('a job that is over keeps no file of its results open', async (t) => {
  const field = await openField(t);
  const { job } = await field.submit({});
  const worker = field.worker('a', 4);
  const { attempts } = await worker.sync();
  const folder = join(field.root, 'state', 'jobs', String(job));
  const isOpen = (): boolean => openFiles().some((path) => path.startsWith(folder));
  await worker.sync(attempts.slice(1).map((one) => ended(one)));
  assert.ok(isOpen());
  await worker.sync([ended(attempts[0]!)]);
  assert.equal(field.job(job).state, 'done');
  await until(() => !isOpen());
});

function openFiles(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return []; // the one of the listing itself
    }
  });
}
