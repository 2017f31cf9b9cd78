import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JobSpec } from '#model';
import { ended, openField } from './testing/field.ts';

const ONE: JobSpec['axes'] = [{ kind: 'range', column: 'i', from: '1', to: '1', step: '1' }];
const hold = (reason: string, tasks?: [number, number][]) => ({ action: 'hold', reason, tasks });

describe('holding, releasing and removing tasks', () => {
  it('holds all that waits by one record, and says of each task who, when and why', async (t) => {
    const field = await openField(t);
    const { job } = await field.submit({});
    const { json } = await field.api('PATCH', `/v1/jobs/${job}/tasks`, hold('licence'));
    assert.deepEqual([json.changed, json.stopping, json.counts.held], [4, 0, 4]);
    assert.equal(field.job(job).notes.size, 0);
    const task = (await field.api('GET', `/v1/jobs/${job}/tasks/2`)).json;
    assert.deepEqual(
      [task.state, task.status, task.reason, task.actor, task.hold, task.holds],
      ['held', 5, 'licence', 'user', { code: 1, subcode: 0, name: 'UserRequest' }, 1],
    );
    assert.ok(task.changedAtMs > 0);
    assert.deepEqual((await field.worker('w').sync()).attempts, []);
  });

  it('keeps what is held over a restart, and lets all go on when it is released', async (t) => {
    const field = await openField(t);
    const { job } = await field.submit({});
    await field.api('PATCH', `/v1/jobs/${job}/tasks`, hold('night'));
    const again = await field.restart();
    const seen = (await again.api('GET', `/v1/jobs/${job}/tasks/3`)).json;
    assert.deepEqual([seen.state, seen.reason], ['held', 'night']);
    const release = { action: 'release', reason: 'morning' };
    const { json } = await again.api('PATCH', `/v1/jobs/${job}/tasks`, release);
    assert.deepEqual([json.changed, json.counts.waiting], [4, 4]);
    assert.equal(await again.worker('w').workOff(), 4);
    assert.equal(again.job(job).state, 'done');
  });

  it('lets a running task be held only when its worker has stopped it', async (t) => {
    const field = await openField(t);
    const { job } = await field.submit({});
    const worker = field.worker('w', 1);
    const [first] = (await worker.sync()).attempts;
    const { json } = await field.api('PATCH', `/v1/jobs/${job}/tasks`, hold('x', [[0, 1]]));
    assert.deepEqual([json.changed, json.stopping], [1, 1]);
    const during = (await field.api('GET', `/v1/jobs/${job}/tasks/0`)).json;
    assert.equal(during.state, 'running');
    assert.match(during.reason, /being stopped and will be held: x/);
    const { cancel } = await worker.sync([], { freeSlots: 0 });
    assert.deepEqual(cancel, [{ ticket: first!.ticket, cause: 'cancelled' }]);
    await worker.sync([ended(first!, 'cancelled')], { freeSlots: 0 });
    const task = (await field.api('GET', `/v1/jobs/${job}/tasks/0`)).json;
    assert.deepEqual([task.state, task.hold.code, task.holds], ['held', 1, 1]);
    const [attempt] = task.attemptList;
    assert.deepEqual([attempt.cause, attempt.next], ['held', 'held']);
    await field.api('PATCH', `/v1/jobs/${job}/tasks`, { action: 'release' });
    assert.equal(await field.worker('other').workOff(), 4);
  });

  it('remembers what was decided of a running task over a restart', async (t) => {
    const field = await openField(t);
    const { job } = await field.submit({ axes: ONE });
    const worker = field.worker('w', 1);
    const [first] = (await worker.sync()).attempts;
    await field.api('PATCH', `/v1/jobs/${job}/tasks`, hold('later'));
    const again = await field.restart();
    const same = again.worker('w', 1);
    const holding = { holding: [first!.ticket], freeSlots: 0, sequence: 9 };
    const { cancel } = await same.sync([], holding);
    assert.deepEqual(cancel, [{ ticket: first!.ticket, cause: 'cancelled' }]);
    await same.sync([], { holding: [], freeSlots: 0, sequence: 10 });
    assert.equal((await again.api('GET', `/v1/jobs/${job}/tasks/0`)).json.state, 'held');
  });

  it('counts what ended well before it could be stopped', async (t) => {
    const field = await openField(t);
    const { job } = await field.submit({ axes: ONE });
    const worker = field.worker('w', 1);
    const [first] = (await worker.sync()).attempts;
    await field.api('PATCH', `/v1/jobs/${job}/tasks`, hold('too late'));
    await worker.sync([ended(first!)]);
    assert.equal(field.job(job).state, 'done');
  });

  it('removes ranges of tasks, and ends the job with what is left', async (t) => {
    const field = await openField(t);
    const { job } = await field.submit({});
    const remove = { action: 'remove', reason: 'bad rows', tasks: [[1, 2]] };
    const { json } = await field.api('PATCH', `/v1/jobs/${job}/tasks`, remove);
    assert.deepEqual([json.changed, json.counts.removed], [2, 2]);
    assert.equal(await field.worker('w').workOff(), 2);
    assert.equal(field.job(job).state, 'done');
    const task = (await field.api('GET', `/v1/jobs/${job}/tasks/1`)).json;
    assert.deepEqual([task.state, task.status, task.reason], ['removed', 3, 'bad rows']);
    const wrong = await field.api('PATCH', `/v1/jobs/${job}/tasks`, { ...remove, tasks: [[9, 9]] });
    assert.equal(wrong.json.code, 'TASK_UNKNOWN');
  });

  it('takes a task that waits before it is tried again out of the queue', async (t) => {
    const field = await openField(t);
    const { job } = await field.submit({ axes: ONE });
    const worker = field.worker('w', 1);
    const [first] = (await worker.sync()).attempts;
    await worker.sync([ended(first!, 'stage-in')], { freeSlots: 0 });
    assert.equal(field.job(job).tasks.delayed, 1);
    await field.api('PATCH', `/v1/jobs/${job}/tasks`, hold('x'));
    assert.deepEqual([field.job(job).tasks.delayed, field.job(job).tasks.ready], [0, 0]);
    await field.api('PATCH', `/v1/jobs/${job}/tasks`, { action: 'release' });
    assert.equal(field.job(job).tasks.ready, 1);
  });

  it('gives a job another priority from then on', async (t) => {
    const field = await openField(t);
    const one = await field.submit({ name: 'a', axes: ONE });
    const two = await field.submit({ name: 'b', axes: ONE });
    const change = { action: 'prioritize', priority: 7, reason: 'deadline' };
    const { json } = await field.api('PATCH', `/v1/jobs/${two.job}`, change);
    assert.equal(json.priority, 7);
    const [first] = (await field.worker('w', 1).sync()).attempts;
    assert.equal(first!.job, two.job);
    assert.notEqual(first!.job, one.job);
    const { history } = (await field.api('GET', `/v1/jobs/${two.job}`)).json;
    assert.match(history.at(-1).text, /priority 0 → 7: deadline/);
  });
});
