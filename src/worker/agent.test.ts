import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openField } from './testing/field.ts';
import { jobOf, rowsOf, textOf } from './testing/field-server.ts';

test('every task of a job runs once and its output comes back', async () => {
  await using field = await openField();
  const { server } = field;
  server.addTasks(jobOf('echo "value $x"'), rowsOf(50));
  field.start();
  await server.until(() => server.ended.size === 50);
  const texts = server.ends().map((end) => textOf(end, 'out'));
  assert.deepEqual(new Set(texts), new Set(rowsOf(50).map(([x]) => `value ${x}\n`)));
  assert.ok(server.ends().every(({ cause }) => cause === 'ok'));
  assert.equal(server.ignored, 0);
});
