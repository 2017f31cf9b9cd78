import assert from 'node:assert/strict';
import { it, suite } from 'node:test';
import type { JobSpec } from '#model';
import { ended, openField } from './testing/field.ts';

const TWO: JobSpec['axes'] = [{ kind: 'range', column: 'i', from: '1', to: '2', step: '1' }];
const GOODBYE = { draining: true, holding: [] };

suite('a server that ends with its last job', () => {
  it('tells the worker by the answer that takes the last end, and nobody before', async (t) => {
    const field = await openField(t);
    await field.submit({ axes: TWO });
    let told = 0;
    field.server.drainWhenDone(() => told++);
    const worker = field.worker('w');
    const [first, second] = (await worker.sync()).attempts;
    const amid = await worker.sync([ended(first!)]);
    assert.deepEqual([amid.settings.drain, told], [false, 0]);
    const last = await worker.sync([ended(second!)]);
    assert.deepEqual([last.settings.drain, told], [true, 1]);
  });

  it('goes on while another job is not over, or is paused', async (t) => {
    const field = await openField(t);
    await field.submit({ axes: TWO });
    const { job } = await field.submit({ axes: TWO, name: 'other' });
    await field.api('PATCH', `/v1/jobs/${job}`, { action: 'pause' });
    field.server.drainWhenDone(() => assert.fail('a job is left'));
    const worker = field.worker('w');
    const { attempts } = await worker.sync();
    const answer = await worker.sync(attempts.map((one) => ended(one)));
    assert.equal(answer.settings.drain, false);
  });

  it('begins at once where everything was done before', async (t) => {
    const field = await openField(t);
    await field.submit({ axes: TWO });
    const worker = field.worker('w');
    await worker.workOff();
    let told = 0;
    field.server.drainWhenDone(() => told++);
    assert.deepEqual([(await worker.sync()).settings.drain, told], [true, 1]);
  });

  it('is deserted when each worker that is left has said goodbye after it was told', async (t) => {
    const field = await openField(t);
    await field.submit({ axes: TWO });
    const [one, other] = [field.worker('one'), field.worker('other')];
    let isDeserted = false;
    void field.server.deserted().then(() => {
      isDeserted = true;
    });
    // It was asked to end before there was this server, and says so: others may follow it.
    await field.worker('old').sync([], GOODBYE);
    const { attempts } = await one.sync();
    await other.sync();
    field.server.drainWhenDone(() => {});
    await one.sync(attempts.map((attempt) => ended(attempt)));
    await one.sync([], GOODBYE);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(isDeserted, false, 'others are there');
    await field.worker('old').sync([], { ...GOODBYE, sequence: 2 });
    await other.sync([], GOODBYE);
    await field.server.deserted();
  });
});
