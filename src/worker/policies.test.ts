import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { NO_OFFER } from '#model';
import { openField, run, runAlone } from './testing/field.ts';
import { jobOf } from './testing/field-server.ts';

const LONG = 'sleep 60';

function file(t: TestContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'windrow-machine-policy-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'policy.conf'), text);
  return join(folder, 'policy.conf');
}

describe('policies where a task runs', { timeout: 60_000 }, () => {
  it('hold it by what it has written, fresh to seconds, and say so', async () => {
    const ad = `PeriodicHold = DiskUsage > 2000
PeriodicHoldReason = strcat("it wrote more than ", DiskUsage > 2000 ? "2000" : "?", " KiB")
PeriodicHoldSubCode = 17
`;
    const end = await runAlone(
      jobOf(`dd if=/dev/zero of=big bs=1M count=4 2>/dev/null; ${LONG}`, { ad }),
    );
    assert.equal(end.cause, 'held');
    assert.equal(end.reason, 'it wrote more than 2000 KiB');
    assert.deepEqual(end.ruling, { to: 'held', hold: { code: 3, subcode: 17 } });
    assert.ok(end.usage.diskBytes! >= 4 << 20);
  });

  it('hold it by its memory and remove it by its time on the processor', async () => {
    const program = `python3 -c "x = bytearray(60 << 20); import time; time.sleep(60)"`;
    const memory = await runAlone(
      jobOf(program, { ad: 'PeriodicHold = ResidentSetSize > 50000\n' }),
    );
    assert.deepEqual([memory.cause, memory.ruling?.to], ['held', 'held']);
    assert.match(
      memory.reason,
      /PeriodicHold expression 'ResidentSetSize > 50000' evaluated to TRUE/,
    );
    const ad = 'PeriodicRemove = RemoteUserCpu > 0.3\n';
    const busy = await runAlone(jobOf('while :; do :; done', { ad }));
    assert.deepEqual([busy.cause, busy.ruling], ['cancelled', { to: 'removed', hold: null }]);
  });

  it('end it when it takes longer than it allows itself', async () => {
    const end = await runAlone(jobOf(LONG, { ad: 'AllowedExecuteDuration = 1\n' }));
    assert.deepEqual(end.ruling, { to: 'held', hold: { code: 47, subcode: 0 } });
    const job = await runAlone(jobOf(LONG, { ad: 'AllowedJobDuration = 1\n' }));
    assert.deepEqual(job.ruling, { to: 'held', hold: { code: 46, subcode: 0 } });
  });

  it('look at what its program has set, and at the parameters of its row', async (t) => {
    if (spawnSync('python3', ['--version']).status !== 0) return t.skip('there is no python3');
    const program = `
import os, socket, time
host, port, cookie = open(os.environ["_CONDOR_CHIRP_CONFIG"]).read().split()
s = socket.create_connection((host, int(port)))
s.sendall(("cookie %s\\nset_job_attr_delayed ChirpStuck 7\\n" % cookie).encode())
time.sleep(60)`;
    const ad = `PeriodicHold = ChirpStuck > dose
PeriodicHoldReason = strcat(ChirpStuck, " is more than ", dose)
`;
    await using field = await openField();
    field.start();
    const job = jobOf(`python3 -c '${program}'`, {
      ...{ ad, columns: ['dose'] },
      chirp: { io: false, delayed: true },
    });
    field.server.addTasks(job, [['5']]);
    await field.server.until(() => field.server.ended.size === 1);
    const [end] = field.server.ends();
    assert.deepEqual([end!.cause, end!.reason], ['held', '7 is more than 5']);
  });

  it('of the site are obeyed also by what runs already when they come', async () => {
    await using field = await openField();
    field.start();
    field.server.addTasks(jobOf(LONG, { ad: 'JobPrio = 7\n' }), [['0']]);
    await field.server.until(() => field.server.current.size === 1);
    const text = 'SYSTEM_PERIODIC_HOLD = JobPrio == 7 && RemoteWallClockTime > 0\n';
    field.server.settings = { ...field.server.settings, policy: { version: 'v1', text } };
    // What comes next brings them.
    field.server.addTasks(jobOf('true', { id: 2 }), [['0']]);
    await field.server.until(() => field.server.ended.size === 2);
    const end = field.server.ends().find(({ ruling }) => ruling !== null);
    assert.deepEqual(end?.ruling, { to: 'held', hold: { code: 26, subcode: 0 } });
  });

  it('of the machine are asked once more before a task begins, and what may not goes back unused', async () => {
    await using field = await openField();
    const start = 'TARGET.JobPrio < 5 && TARGET.dose < 3 && LoadAvg >= 0';
    field.start({ offer: { ...NO_OFFER, start } });
    const of = (id: number, prio: number, columns: string[]) =>
      jobOf('true', { id, columns, ad: `JobPrio = ${prio}\n` });
    field.server.addTasks(of(1, 7, ['dose']), [['1']]);
    await field.server.until(() => field.server.syncs.at(-1)?.declined.includes(1) === true);
    field.server.addTasks(of(2, 1, ['dose']), [['1']]);
    await field.server.until(() => field.server.ended.size === 1);
    const [end] = field.server.ends();
    assert.equal(end?.cause, 'ok');
    assert.ok(!field.server.syncs.at(-1)!.holding.includes(1));
  });

  it('of the machine hold with its own reason, and are read again when their file changes', async (t) => {
    const policyFile = file(t, 'WANT_HOLD = false\n');
    await using field = await openField();
    field.start({ policyFile });
    field.server.addTasks(jobOf(LONG, { ad: 'Owner = "ada"\n' }), [['0']]);
    await field.server.until(() => field.server.current.size === 1);
    writeFileSync(
      policyFile,
      `WANT_HOLD = TARGET.Owner == "ada"
WANT_HOLD_REASON = strcat(TARGET.Owner, " is not welcome on ", Machine)
WANT_HOLD_SUBCODE = 3
`,
    );
    await field.server.until(() => field.server.ended.size === 1);
    const [end] = field.server.ends();
    assert.equal(end!.reason, 'ada is not welcome on field');
    assert.deepEqual(end!.ruling, { to: 'held', hold: { code: 21, subcode: 3 } });
  });

  it('put back what the machine preempts', async (t) => {
    const policyFile = file(t, 'PREEMPT = TARGET.RemoteWallClockTime > 0\n');
    await using field = await openField();
    field.start({ policyFile });
    const end = await run(field, jobOf(LONG, { ad: 'A = 1\n' }));
    assert.deepEqual([end.cause, end.ruling], ['cancelled', { to: 'waiting', hold: null }]);
  });

  it('do not change the end of a program that was faster', async () => {
    await using field = await openField();
    field.start({ policyMs: 60_000 });
    const job = jobOf('exit 3', { ad: 'PeriodicHold = true\n', successExitCode: 3 });
    const end = await run(field, job);
    assert.deepEqual([end.cause, end.exitCode, end.ruling], ['ok', 3, null]);
    const other = await run(field, jobOf('true', { id: 2, successExitCode: 3 }));
    assert.equal(other.cause, 'exit-code');
    assert.match(other.reason, /Success would be 3/);
  });

  it('that would never end hold up neither programs nor the worker', async () => {
    const wide = (of: string) => `${`${of} + `.repeat(2000)}1`;
    const ad = `PeriodicHold = A\nA = ${wide('B')}\nB = ${wide('C')}\nC = ${wide('D')}\nD = 1\n`;
    await using field = await openField();
    field.start({ policyMs: 100 });
    field.server.addTasks(jobOf('sleep 2', { ad }), [['0'], ['1']]);
    const began = performance.now();
    await field.server.until(() => field.server.ended.size === 2);
    assert.ok(performance.now() - began < 40_000);
    for (const end of field.server.ends()) assert.equal(end.cause, 'ok');
  });
});
