import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_POLICY } from '#model';
import { folder, read } from './sweep-world.ts';

test('policies, retries that grow and an event log have their places in the job', async () => {
  const { spec } = await read(`
command = "true $i"
log = "life.log"
[parameters.set]
i = [1]
[retry]
memory = { times = 3, grow = 1.5, max = "32 GB" }
timeout = { times = 2, max = "1 h" }
disk = 1
[policy]
periodic_hold = "DiskUsage > 100000000"
periodic_hold_reason = 'strcat("status ", JobStatus)'
periodic_hold_subcode = 42
on-exit-remove = true
max-retries = 5
success-exit-code = 3
retry_until = 7
allowed-execute-duration = "2 h"
`);
  assert.deepEqual(spec.retryByCause, { memory: 3, timeout: 2, disk: 1 });
  assert.deepEqual(spec.growth, {
    memory: { factor: 1.5, most: 32e9 },
    timeout: { factor: 2, most: 3_600_000 },
  });
  assert.deepEqual(spec.eventLog, {
    path: `${folder}/life.log`,
    format: 'htcondor',
    perTask: false,
  });
  assert.deepEqual(spec.policy, {
    ...NO_POLICY,
    rules: {
      periodicHold: {
        when: 'DiskUsage > 100000000',
        reason: 'strcat("status ", JobStatus)',
        subcode: '42',
      },
      onExitRemove: { when: 'true', reason: '', subcode: '' },
    },
    maxRetries: 5,
    successExitCode: 3,
    retryUntil: '7',
    allowedExecuteMs: 7_200_000,
  });
});

test('what is wrong with a policy is told by its line, with a mark', async () => {
  const refused = async (section: string, ...expected: RegExp[]) =>
    assert.rejects(
      read(`command = "true"\n[policy]\n${section}\n`),
      (error: Error) => expected.every((one) => one.test(error.message)) || assert.fail(error),
    );
  await refused('# a\nperiodic_hold = "A >"', /sweep\.toml:4/, /\nA >\n\s+\^/);
  await refused('periodic-hold-reason = "x"', /expected periodic-hold beside it/);
  await refused('periodic-hld = "x"', /unknown key "periodic-hld"/);
  await refused('max-retries = -1', /whole number from 0/);
  await refused('allowed-job-duration = 7', /a duration with its unit/);
});
