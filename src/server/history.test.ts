import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ended, openField, TOKEN } from './testing/field.ts';

describe('history', () => {
  it('brings ended attempts of all jobs, the latest first, by a constraint over their ads', async (t) => {
    const field = await openField(t);
    const records = async (query: string) => {
      const headers = { authorization: `Bearer ${TOKEN}` };
      const response = await fetch(`${field.url}/v1/history?${query}`, { headers });
      return (await response.text())
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line));
    };
    const one = await field.submit({ name: 'a' });
    const two = await field.submit({ name: 'b', retries: 1 });
    const worker = field.worker('w', 8);
    const { attempts } = await worker.sync();
    const isBad = ({ job, task }: { job: number; task: number }) => job === two.job && task === 3;
    const again = await worker.sync(
      attempts.map((attempt) => ended(attempt, isBad(attempt) ? 'exit-code' : 'ok')),
    );
    await worker.sync(again.attempts.map((attempt) => ended(attempt)));
    const all = await records('');
    assert.equal(all.length, 9);
    assert.deepEqual([all[0].job, all[0].attempt.task, all[0].attempt.number], [two.job, 3, 2]);
    assert.equal((await records(`job=${one.job}`)).length, 4);
    assert.equal((await records('limit=2')).length, 2);
    const failed = await records(
      `constraint=${encodeURIComponent('ExitCode == 3 && LastRemoteHost == "slot1@w"')}&attributes=ProcId,NumJobStarts`,
    );
    assert.equal(failed.length, 1);
    assert.equal(failed[0].ad, '[ ProcId = 3; NumJobStarts = 1 ]');
    const wrong = await field.api('GET', `/v1/history?constraint=${encodeURIComponent('a b')}`);
    assert.equal(wrong.status, 400);
  });
});
