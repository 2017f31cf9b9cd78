import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type JobSpec, NO_POLICY, type PolicyName } from '#model';
import { ended, openField, until } from './testing/field.ts';

const ONE: JobSpec['axes'] = [{ kind: 'range', column: 'i', from: '1', to: '1', step: '1' }];
const rule = (when: string, reason = '', subcode = '') => ({ when, reason, subcode });
const policy = (
  rules: Partial<Record<PolicyName, ReturnType<typeof rule>>>,
  rest: Partial<JobSpec['policy']> = {},
) => ({ ...NO_POLICY, rules, ...rest });

function policyFile(t: TestContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'windrow-policy-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'policy.conf'), text);
  return join(folder, 'policy.conf');
}

describe('policies on the server', () => {
  it('hold all tasks that wait and are alike by looking at one of them', async (t) => {
    const field = await openField(t, { policyIntervalMs: 20 });
    const periodicHold = rule('JobStatus == 1 && time() >= QDate', '"not now"', '5');
    const { job } = await field.submit({ policy: policy({ periodicHold }) });
    await until(() => field.job(job).tasks.count(6) === 4);
    assert.equal(field.job(job).notes.size, 0);
    const task = (await field.api('GET', `/v1/jobs/${job}/tasks/2`)).json;
    assert.deepEqual(
      [task.reason, task.actor, task.hold],
      ['not now', 'policy', { code: 3, subcode: 5, name: 'JobPolicy' }],
    );
  });

  it('of the site are obeyed, and again when their file has changed', async (t) => {
    const file = policyFile(t, 'SYSTEM_PERIODIC_HOLD = JobStatus == 1 && ProcId =!= undefined\n');
    const field = await openField(t, { policyIntervalMs: 20, policyFile: file });
    const { job } = await field.submit({ name: 'a' });
    // Looks at the task's own number, so it is looked at when it would start.
    assert.deepEqual((await field.worker('w').sync()).attempts, []);
    assert.ok(field.job(job).tasks.count(6) > 0);
    writeFileSync(file, 'SYSTEM_PERIODIC_HOLD = JobStatus ==\n');
    await new Promise((resolve) => setTimeout(resolve, 1500));
    assert.equal(field.server.core.site.policy.hold.length, 1);
    writeFileSync(file, 'SYSTEM_PERIODIC_RELEASE = HoldReasonCode == 26\n');
    await until(() => field.job(job).tasks.count(0) === 4);
    assert.equal(await field.worker('w2').workOff(), 4);
    assert.equal(field.job(job).state, 'done');
  });

  it('look at the parameters of a row and at what programs have set, also after a restart', async (t) => {
    const row = { kind: 'range', column: 'dose', from: '1', to: '4', step: '1' } as const;
    const field = await openField(t, { policyIntervalMs: 20 });
    const { job } = await field.submit({
      axes: [row],
      command: { kind: 'shell', template: 'true $dose' },
      chirp: { io: false, delayed: true },
      policy: policy({
        periodicRemove: rule('JobStatus == 1 && dose == 2', 'strcat("too much: ", dose)'),
        onExitHold: rule('ChirpMood == "bad" && dose < 4', 'strcat("its mood is ", ChirpMood)'),
        periodicRelease: rule('ChirpMood == "bad" && LastHoldReason =?= undefined'),
      }),
    });
    const worker = field.worker('w', 4);
    const { attempts } = await worker.sync();
    assert.deepEqual(
      attempts.map(({ cells }) => cells[0]),
      ['1', '3', '4'],
    );
    const why = (await field.api('GET', `/v1/jobs/${job}/tasks/1`)).json;
    assert.deepEqual([why.state, why.reason], ['removed', 'too much: 2']);
    for (const { ticket } of attempts) {
      const told = [{ ticket, kind: 'attribute', name: 'ChirpMood', expression: '"bad"' }];
      await worker.post('/attributes', { worker: 'id-w', told });
    }
    const again = await field.restart();
    const back = again.worker('w', 4);
    await back.sync(
      attempts.slice(1).map((attempt) => ended(attempt)),
      { holding: [attempts[0]!.ticket], freeSlots: 0 },
    );
    const states = async () =>
      (await again.api('GET', `/v1/jobs/${job}/tasks`)).json.tasks.map(
        ({ state }: { state: string }) => state,
      );
    await until(async () => (await states())[2] === 'waiting');
    assert.deepEqual(await states(), ['running', 'removed', 'waiting', 'done']);
    const [next] = (await back.sync([], { holding: [attempts[0]!.ticket], freeSlots: 1 })).attempts;
    assert.deepEqual(next?.past?.lastHold?.reason, 'its mood is bad');
    assert.deepEqual(next?.past?.attributes, [{ name: 'ChirpMood', expression: '"bad"' }]);
    const asked = encodeURIComponent('dose >= 3 && JobStatus == 4');
    const found = await again.api(
      'GET',
      `/v1/jobs/${job}/tasks?constraint=${asked}&attributes=dose`,
    );
    assert.equal(found.json.tasks.length, 1);
    assert.equal(found.json.tasks[0].ad, '[ dose = 4 ]');
  });

  it('release what is held, but neither what a user holds nor what was held too often', async (t) => {
    const file = policyFile(t, 'SYSTEM_MAX_RELEASES = 3\n');
    const field = await openField(t, { policyIntervalMs: 20, policyFile: file });
    const onExitHold = rule('ExitCode =!= 0');
    const periodicRelease = rule('true', '"once more"');
    const { job } = await field.submit({
      axes: ONE,
      policy: policy({ onExitHold, periodicRelease }),
    });
    const worker = field.worker('w', 1);
    for (let attempt = 1; attempt <= 3; attempt++) {
      await until(() => field.job(job).tasks.ready === 1);
      const [given] = (await worker.sync()).attempts;
      assert.equal(given!.number, attempt);
      assert.deepEqual(given!.past?.holds ?? 0, attempt - 1);
      await worker.sync([ended(given!, 'exit-code')], { freeSlots: 0 });
    }
    const task = (await field.api('GET', `/v1/jobs/${job}/tasks/0`)).json;
    assert.deepEqual([task.state, task.holds, task.hold.code], ['held', 3, 3]);
    await field.api('PATCH', `/v1/jobs/${job}/tasks`, { action: 'release' });
    await field.api('PATCH', `/v1/jobs/${job}/tasks`, { action: 'hold', reason: 'mine' });
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(field.job(job).tasks.count(6), 1);
  });

  it('remove what is held for long', async (t) => {
    const field = await openField(t, { policyIntervalMs: 20 });
    const when = 'JobStatus == 5 && time() - EnteredCurrentStatus >= 0 && HoldReasonCode == 1';
    const periodicRemove = rule(when, '"it was held for six hours"');
    const { job } = await field.submit({ policy: policy({ periodicRemove }) });
    await field.api('PATCH', `/v1/jobs/${job}/tasks`, { action: 'hold', reason: 'x' });
    await until(() => field.job(job).tasks.count(7) === 4);
    const task = (await field.api('GET', `/v1/jobs/${job}/tasks/0`)).json;
    assert.deepEqual([task.reason, task.actor], ['it was held for six hours', 'policy']);
  });

  it('run a program again as often as max_retries says, until success or a code that ends it', async (t) => {
    const field = await openField(t);
    const ends = async (name: string, changes: Partial<JobSpec['policy']>, codes: number[]) => {
      const { job } = await field.submit({ name, axes: ONE, policy: policy({}, changes) });
      const worker = field.worker(name, 1);
      for (const exitCode of codes) {
        const [given] = (await worker.sync()).attempts;
        if (!given) break;
        const cause = exitCode === (changes.successExitCode ?? 0) ? 'ok' : 'exit-code';
        await worker.sync([ended(given, cause, { exitCode })], { freeSlots: 0 });
      }
      const task = (await field.api('GET', `/v1/jobs/${job}/tasks/0`)).json;
      return [task.state, task.attemptList.length, task.attemptList.at(-1).next];
    };
    const failing = [1, 1, 1, 1, 1];
    assert.deepEqual(await ends('a', { maxRetries: 2 }, failing), ['failed', 3, 'failed']);
    assert.deepEqual(await ends('b', { maxRetries: 3 }, [1, 1, 0]), ['done', 3, 'done']);
    assert.deepEqual(await ends('c', { retryUntil: '7' }, [1, 7]), ['failed', 2, 'failed']);
    assert.deepEqual(await ends('d', { successExitCode: 3 }, [0, 3]), ['done', 2, 'done']);
    assert.deepEqual(await ends('e', { retryUntil: 'ExitCode > 5' }, failing), [
      'failed',
      3,
      'failed',
    ]);
  });

  it('hold or repeat even what ended well, and then its results do not count', async (t) => {
    const field = await openField(t);
    const onExitHold = rule('ExitCode == 0', 'strcat("ended with ", ExitCode)', '4');
    const { job } = await field.submit({ axes: ONE, policy: policy({ onExitHold }) });
    const worker = field.worker('w', 1);
    const [given] = (await worker.sync()).attempts;
    await worker.sync([ended(given!)]);
    const task = (await field.api('GET', `/v1/jobs/${job}/tasks/0`)).json;
    assert.deepEqual([task.state, task.hold.subcode, task.reason], ['held', 4, 'ended with 0']);
    const onExitRemove = rule('NumJobCompletions >= 2');
    const two = await field.submit({ name: 'b', axes: ONE, policy: policy({ onExitRemove }) });
    assert.equal(await field.worker('x', 1).workOff(), 2);
    assert.equal(field.job(two.job).state, 'done');
    const results = await field.api('GET', `/v1/jobs/${two.job}/tasks/0`);
    const nexts = results.json.attemptList.map((one: { next: string }) => one.next);
    assert.deepEqual(nexts, ['waiting', 'done']);
  });

  it('take what a worker has decided by them', async (t) => {
    const file = policyFile(t, 'SYSTEM_PERIODIC_HOLD = DiskUsage > 5\n');
    const field = await openField(t, { policyFile: file });
    const { job } = await field.submit({});
    const worker = field.worker('w', 3);
    const { attempts, settings } = await worker.sync();
    assert.equal(settings.policy!.text, 'SYSTEM_PERIODIC_HOLD = DiskUsage > 5\n');
    const { version } = settings.policy!;
    const again = await worker.sync([], { freeSlots: 0, policyVersion: version });
    assert.equal(again.settings.policy, null);
    const [a, b, c] = attempts;
    const hold = { code: 26, subcode: 9 };
    await worker.sync(
      [
        ended(a!, 'held', { reason: 'too large', ruling: { to: 'held', hold } }),
        ended(b!, 'cancelled', { reason: 'too long', ruling: { to: 'removed', hold: null } }),
        ended(c!, 'cancelled', { reason: 'load', ruling: { to: 'waiting', hold: null } }),
      ],
      { freeSlots: 0 },
    );
    const of = async (task: number) =>
      (await field.api('GET', `/v1/jobs/${job}/tasks/${task}`)).json;
    const held = await of(0);
    assert.deepEqual([held.state, held.reason, held.hold.code], ['held', 'too large', 26]);
    assert.equal(held.hold.subcode, 9);
    const removed = await of(1);
    assert.deepEqual(
      [removed.state, removed.reason, removed.actor],
      ['removed', 'too long', 'policy'],
    );
    assert.equal((await of(2)).state, 'waiting');
  });

  it('never keep leases from being renewed, however many tasks hostile ones are on', {
    timeout: 60_000,
  }, async (t) => {
    const field = await openField(t, { policyIntervalMs: 50 });
    const attributes = {
      A: `${'B + '.repeat(2000)}1`,
      B: `${'C + '.repeat(2000)}1`,
      C: `${'D + '.repeat(2000)}1`,
      D: '1',
    };
    const axes: JobSpec['axes'] = [
      { kind: 'range', column: 'i', from: '1', to: '2000', step: '1' },
    ];
    const { job } = await field.submit({
      axes,
      attributes,
      policy: policy({ periodicRelease: rule('A') }),
    });
    const worker = field.worker('w', 2000);
    const { attempts } = await worker.sync();
    const own = { to: 'held', hold: { code: 3, subcode: 0 } } as const;
    await worker.sync(
      attempts.map((attempt) => ended(attempt, 'held', { ruling: own })),
      { freeSlots: 0 },
    );
    assert.equal(field.job(job).tasks.count(6), attempts.length);
    // By its own time on the processor: what others of the machine do meanwhile is not meant.
    const usedMs = () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1000;
    };
    let slowest = 0;
    const endMs = performance.now() + 1500;
    while (performance.now() < endMs) {
      const began = usedMs();
      await worker.sync([], { freeSlots: 0 });
      slowest = Math.max(slowest, usedMs() - began);
    }
    assert.ok(slowest < 1000, `a sync took ${slowest} ms`);
  });
});
