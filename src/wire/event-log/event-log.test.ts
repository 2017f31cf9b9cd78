import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LifeEntry } from '../api/life.ts';
import { printEvents } from './print.ts';
import { readEventLog } from './testing/log-reader.ts';

const AT = new Date(2026, 0, 31, 10, 20, 30).getTime();
const base: LifeEntry = {
  ...{ sequence: 1, atMs: AT, job: 3, kind: 'held', tasks: [{ first: 17, count: 1 }] },
  ...{ actor: 'user', reason: '', hold: null, host: '', attempt: null, request: null, total: null },
};
const usage = {
  ...{ wallMs: 2000, cpuUserMs: 93_784_000, cpuSystemMs: 400, memoryPeakBytes: 3 << 20 },
  ...{ ioReadBytes: 0, ioWriteBytes: 0, contextSwitches: 1, tasksPeak: 1, diskBytes: 4096 },
  ...{ sources: {}, network: { OutgoingExternal: 12 } },
};
const attempt: NonNullable<LifeEntry['attempt']> = {
  ...{ ticket: 5, task: 17, number: 1, worker: 'node17', cause: 'ok', exitCode: 0, signal: null },
  ...{ reason: '', signature: '', startedAtMs: AT, endedAtMs: AT, usage, walls: null },
  ...{ inputs: [], asked: null, next: 'done', reusedFrom: null },
};
const request = { cpus: 1, memoryBytes: 0, diskBytes: 1 << 20 };
const text = (entry: Partial<LifeEntry>): string =>
  [...printEvents({ ...base, ...entry }, 'htcondor')].join('');
const ended = (changes: Partial<typeof attempt>, rest: Partial<LifeEntry> = {}) =>
  text({ kind: 'ended', attempt: { ...attempt, ...changes }, request, ...rest });

describe('the job event log', () => {
  it('has the form that readers of HTCondor know, to the byte', () => {
    assert.equal(
      text({ kind: 'held', reason: 'too\n... much', hold: { code: 26, subcode: 7 } }),
      '012 (003.017.000) 2026-01-31 10:20:30 Job was held.\n\ttoo ... much\n\tCode 26 Subcode 7\n...\n',
    );
    assert.equal(
      text({ kind: 'submitted', host: 'head', tasks: [{ first: 998, count: 3 }] }),
      [998, 999, 1000]
        .map(
          (task) =>
            `000 (003.${task}.000) 2026-01-31 10:20:30 Job submitted from host: <head>\n...\n`,
        )
        .join(''),
    );
    assert.equal(
      ended({}, { total: { cpuUserMs: 93_784_000, cpuSystemMs: 1400 } }),
      `006 (003.017.000) 2026-01-31 10:20:30 Image size of job updated: 3072
\t3  -  MemoryUsage of job (MB)
\t3072  -  ResidentSetSize of job (KB)
...
005 (003.017.000) 2026-01-31 10:20:30 Job terminated.
\t(1) Normal termination (return value 0)
\t\tUsr 1 02:03:04, Sys 0 00:00:00  -  Run Remote Usage
\t\tUsr 0 00:00:00, Sys 0 00:00:00  -  Run Local Usage
\t\tUsr 1 02:03:04, Sys 0 00:00:01  -  Total Remote Usage
\t\tUsr 0 00:00:00, Sys 0 00:00:00  -  Total Local Usage
\t12  -  Run Bytes Sent By Job
\t0  -  Run Bytes Received By Job
\t12  -  Total Bytes Sent By Job
\t0  -  Total Bytes Received By Job
\tPartitionable Resources :    Usage  Request Allocated 
\t   Cpus                 : 46892.20        1         1 
\t   Disk (KB)            :        4     1024      1024 
\t   Memory (MB)          :        3        0         0 
...
`,
    );
  });

  it('tells every end by what became of the task', () => {
    const numbers = (changes: Partial<typeof attempt>) =>
      readEventLog(ended({ usage: null, ...changes })).map(({ number }) => number);
    assert.deepEqual(numbers({ next: 'failed', cause: 'exit-code', exitCode: 3 }), [5]);
    assert.deepEqual(numbers({ next: 'waiting', cause: 'exit-code', exitCode: 3 }), [4]);
    assert.deepEqual(numbers({ next: 'held', cause: 'held' }), [4]);
    assert.deepEqual(numbers({ next: 'waiting', cause: 'worker-lost' }), [22, 24]);
    assert.deepEqual(numbers({ next: null, cause: 'superseded' }), []);
    assert.deepEqual(numbers({ next: 'removed', cause: 'cancelled' }), []);
    const [killed] = readEventLog(ended({ usage: null, next: 'failed', cause: 'timeout' }));
    assert.deepEqual(killed!.body.slice(0, 2), [
      '\t(0) Abnormal termination (signal 9)',
      '\t(0) No core file',
    ]);
    const crashed = { usage: null, next: 'failed', cause: 'signal', signal: 'SIGSEGV' } as const;
    assert.match(ended({ ...crashed, exitCode: null }), /signal 11\)/);
    const again = ended({ usage: null, next: 'waiting', cause: 'exit-code', exitCode: 3 });
    assert.match(
      again,
      /\(0\) Job terminated and was requeued\n[\s\S]*\(1\) Normal termination \(return value 3\)/,
    );
  });

  it('is structured with the attributes that HTCondor names, one object a line', () => {
    const [line] = printEvents(
      { ...base, reason: 'too much', hold: { code: 26, subcode: 7 } },
      'json',
    );
    assert.deepEqual(JSON.parse(line!), {
      ...{ MyType: 'JobHeldEvent', EventTypeNumber: 12, EventTime: '2026-01-31T10:20:30' },
      ...{ Cluster: 3, Proc: 17, Subproc: 0 },
      ...{ HoldReason: 'too much', HoldReasonCode: 26, HoldReasonSubCode: 7 },
    });
    assert.ok(line!.endsWith('}\n'));
  });
});
