import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { ended, openField } from './testing/field.ts';

test('the ad of a task tells its own words and places, and when it was really evicted', async (t) => {
  const field = await openField(t);
  const path = join(field.root, 'log.${i}');
  const files = [{ result: 'out', from: 'out', to: '/x/${i}.txt' }];
  const { job } = await field.submit({
    axes: [{ kind: 'range', column: 'i', from: '7', to: '8', step: '1' }],
    results: [{ name: 'stdout', from: { kind: 'stdout' }, required: false }],
    environment: { SEED: 's ${i}' },
    place: { files: files.map((file) => ({ ...file, result: 'stdout' })) },
    eventLog: { path, format: 'json', perTask: true },
    retries: 1,
  });
  const worker = field.worker('w', 1);
  const asked = async () => {
    const names = 'Arguments,Environment,Out,Err,UserLog,NumJobCompletions,LastRemoteHost';
    const query = `attributes=${names},LastVacateTime&constraint=ProcId%3D%3D1`;
    const { json } = await field.api('GET', `/v1/jobs/${job}/tasks?${query}`);
    return json.tasks[0].ad as string;
  };
  const fixed = [
    ...['Arguments = "8"', `Environment = "SEED='s 8'"`, 'Out = "/x/8.txt"', 'Err = "/dev/null"'],
    `UserLog = "${path.replace('${i}', '8')}"`,
  ].join('; ');
  assert.equal(await asked(), `[ ${fixed}; NumJobCompletions = 0 ]`);
  const [first] = (await worker.sync()).attempts;
  const [second] = (await worker.sync([ended(first!)])).attempts;
  await worker.sync([ended(second!, 'timeout')], { freeSlots: 0 });
  assert.match(
    await asked(),
    /NumJobCompletions = 0; LastRemoteHost = "slot1@w"; LastVacateTime = \d{10} \]$/,
  );
  const [again] = (await worker.sync()).attempts;
  await worker.sync([ended(again!)], { freeSlots: 0 });
  assert.equal(await asked(), `[ ${fixed}; NumJobCompletions = 1; LastRemoteHost = "slot1@w" ]`);
});
