import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_OFFER } from '#model';
import { ended, openField } from './testing/field.ts';

const template = (...words: string[]) => ({ kind: 'argv', template: words }) as const;

test('values of the machine are filled in when a task is given to it, and remembered', async (t) => {
  const field = await openField(t);
  await field.submit({
    command: template('run', `\${:machine1}`, `\${:machine2}`, `\${:machine3}`, '$i'),
    environment: { TWICE: `\${:machine4}` },
    machineValues: ['Memory', 'Site:far away', 'Rack', '[MY.RequestCpus * 2 + TARGET.Cpus]'],
  });
  const offer = { ...NO_OFFER, attributes: { Rack: '"r 12"' } };
  const worker = field.worker('w', 2);
  const { jobs, attempts } = await worker.sync([], { offer, memoryBytes: 2 ** 31 });
  assert.deepEqual(jobs[0]?.columns, ['i', ':machine1', ':machine2', ':machine3', ':machine4']);
  assert.deepEqual(
    attempts.map(({ cells }) => cells),
    [
      ['1', '2048', 'far away', 'r 12', '4'],
      ['2', '2048', 'far away', 'r 12', '4'],
    ],
  );
  const again = await field.restart();
  const list = '/v1/jobs/1/tasks?constraint=MATCH_Memory%20%3E%201000&attributes=MATCH_Rack';
  const { tasks } = (await again.api('GET', list)).json;
  assert.deepEqual(
    tasks.map(({ ad }: { ad: string }) => ad),
    ['[ MATCH_Rack = "r 12" ]', '[ MATCH_Rack = "r 12" ]'],
  );
  const shown = (await again.api('GET', '/v1/jobs/1/tasks/3')).json;
  assert.equal(shown.commandLine, "run '$$(Memory)' '$$(Site:far away)' '$$(Rack)' '4'");
});

test('a task whose machine lacks a value is held and says which', async (t) => {
  const field = await openField(t);
  await field.submit({ command: template('run', `\${:machine1}`, '$i'), machineValues: ['Rack'] });
  const worker = field.worker('bare', 1);
  assert.deepEqual((await worker.sync()).attempts, []);
  const held = (await field.api('GET', '/v1/jobs/1/tasks?state=held')).json.tasks;
  assert.match(held[0].reason, /^\$\$\(Rack\) has no value on bare$/);
  assert.equal(held[0].actor, 'server');
  await field.api('PATCH', '/v1/jobs/1/tasks', { action: 'release' });
  const right = field.worker('right', 8);
  const offer = { ...NO_OFFER, attributes: { Rack: '"r12"' } };
  const { attempts } = await right.sync([], { offer });
  assert.equal(attempts.length, 4);
  await right.sync(attempts.map((attempt) => ended(attempt)));
  assert.equal(field.job(1).state, 'done');
});

test('what is no value of a machine is refused by the server too', async (t) => {
  const field = await openField(t);
  const command = template('run', `\${:machine1}`);
  await assert.rejects(field.submit({ command, machineValues: ['a b'] }), /SWEEP_BAD_VALUE/);
});
