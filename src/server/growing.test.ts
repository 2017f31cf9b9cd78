import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JobSpec } from '#model';
import { askedAfter } from './retry.ts';
import { ended, openField } from './testing/field.ts';

const MIB = 2 ** 20;
const request: JobSpec['request'] = {
  ...{ cpus: 1, memoryBytes: 100 * MIB, diskBytes: 0, processes: 0, gpus: 0, timeMs: 0 },
};
const growth = { memory: { factor: 2, most: 300 * MIB }, timeout: { factor: 1.5, most: 0 } };

describe('retries that ask for more', () => {
  it('multiply what was too little up to a limit, and nothing else', () => {
    const spec = { growth, request, timeoutMs: 1000 };
    const once = askedAfter('memory', null, spec);
    assert.deepEqual(once, { memoryBytes: 200 * MIB, diskBytes: 0, timeoutMs: 1000 });
    const twice = askedAfter('memory', once, spec);
    assert.equal(twice!.memoryBytes, 300 * MIB);
    assert.equal(askedAfter('memory', twice, spec), twice);
    assert.equal(askedAfter('timeout', twice, spec)!.timeoutMs, 1500);
    assert.equal(askedAfter('exit-code', twice, spec), twice);
    assert.equal(askedAfter('disk', null, { ...spec, growth: { disk: growth.memory } }), null);
  });

  it('go only to machines that have it, over a restart too, and are seen in the record', async (t) => {
    const field = await openField(t);
    const { job } = await field.submit({
      axes: [{ kind: 'range', column: 'i', from: '1', to: '2', step: '1' }],
      ...{ request, growth, retryByCause: { memory: 3 } },
    });
    const small = { memoryBytes: 150 * MIB };
    const first = field.worker('small', 1);
    const [given] = (await first.sync([], small)).attempts;
    assert.equal(given!.asked, null);
    const [other] = (await first.sync([ended(given!, 'memory')], small)).attempts;
    assert.equal(other!.task, 1);
    await first.sync([ended(other!)], small);
    assert.equal(field.job(job).tasks.ready, 0);
    const task = (await field.api('GET', `/v1/jobs/${job}/tasks/0`)).json;
    assert.match(task.reason, /tried again after memory: .*, with 200 MiB of memory/);
    assert.match(task.waiting, /200 MiB of memory/);
    const ads = (await field.api('GET', `/v1/jobs/${job}/tasks?attributes=RequestMemory`)).json;
    assert.deepEqual(
      ads.tasks.map(({ ad }: { ad: string }) => ad),
      ['[ RequestMemory = 200 ]', '[ RequestMemory = 100 ]'],
    );
    const again = await field.restart();
    assert.deepEqual((await again.worker('small', 1).sync([], small)).attempts, []);
    const large = again.worker('large', 1);
    const [grown] = (await large.sync([], { memoryBytes: 1024 * MIB })).attempts;
    assert.deepEqual(grown!.asked, { memoryBytes: 200 * MIB, diskBytes: 0, timeoutMs: 0 });
    await large.sync([ended(grown!)]);
    const done = (await again.api('GET', `/v1/jobs/${job}/tasks/0`)).json;
    assert.deepEqual(
      done.attemptList.map(
        (one: { asked: { memoryBytes: number } | null }) => one.asked?.memoryBytes,
      ),
      [undefined, 200 * MIB],
    );
    assert.equal(again.job(job).state, 'done');
  });
});
