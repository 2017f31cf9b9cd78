import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ProcessRow } from '../process-table.ts';
import { readEvent } from './events.ts';
import { JobTree, type JobTreeOptions, type Notice } from './job-tree.ts';

const DAEMON = 100;
const ROOT = 200;

/** What the launcher printed of a shell that left a daemon behind, and of an overrun. */
const RECORDED = `watching
fork 100 200
exec 200 sh
fork 200 201
fork 201 202
exit 201 0
exec 202 a) b c
exit 17862 0
lost 0
exit 200 256
lost 12
`;

const events = () => RECORDED.split('\n').flatMap((line) => readEvent(line) ?? []);

function tree(options: Partial<JobTreeOptions> = {}): JobTree {
  const usual = { daemons: ['condor_starter'], graceMs: 1000, mostMembers: 100 };
  const made = new JobTree({ ...usual, ...options });
  made.reconcile([row(DAEMON, 1, 'condor_starter')], { ...LOOK, isFirst: true });
  return made;
}

const row = (pid: number, parent: number, name: string, startTicks = pid) =>
  ({ pid, parent, name, startTicks, state: 'S' }) as ProcessRow;
const LOOK = { nowMs: 0, ticksNow: 1_000_000, tickMs: 10, isFirst: false };
const kinds = (notices: readonly Notice[]) => notices.map(({ kind }) => kind);

describe('what the launcher prints of processes', () => {
  it('is read as events, whatever names programs give themselves', () => {
    assert.deepEqual(events(), [
      { kind: 'fork', parent: 100, child: 200 },
      { kind: 'exec', pid: 200, command: 'sh' },
      { kind: 'fork', parent: 200, child: 201 },
      { kind: 'fork', parent: 201, child: 202 },
      { kind: 'exit', pid: 201, status: 0 },
      { kind: 'exec', pid: 202, command: 'a) b c' },
      { kind: 'exit', pid: 17862, status: 0 },
      { kind: 'lost', missed: null },
      { kind: 'exit', pid: 200, status: 256 },
      { kind: 'lost', missed: 12 },
    ]);
  });
});

describe('processes of batch jobs', () => {
  it('belong to their job from fork to exit, and what outlives its root was left behind', () => {
    const jobs = tree();
    const notices = events().flatMap((event) => jobs.apply(event, 5000));
    assert.deepEqual(kinds(notices), [
      'begun',
      'daemonised',
      'events-lost',
      'ended',
      'events-lost',
    ]);
    assert.deepEqual(jobs.due(5999), []);
    const [left] = jobs.due(6000);
    assert.ok(left?.kind === 'left-behind' && left.member.pid === 202);
    assert.equal(left.member.job.daemon, 'condor_starter');
    assert.deepEqual(jobs.due(7000), [], 'told once');
    jobs.apply({ kind: 'exit', pid: 202, status: 9 }, 8000);
    assert.equal(jobs.jobs.size, 0);
  });

  it('are those of another when their number comes back', () => {
    const jobs = tree();
    for (const event of events()) jobs.apply(event, 0);
    jobs.apply({ kind: 'fork', parent: 1, child: 202 }, 10);
    assert.equal(jobs.member(202), undefined);
    assert.deepEqual(jobs.leftBehind(99_999), []);
  });

  it('are left behind when their daemon ends before them', () => {
    const jobs = tree();
    for (const event of events().slice(0, 2)) jobs.apply(event, 0);
    const notices = jobs.apply({ kind: 'exit', pid: DAEMON, status: 0 }, 100);
    assert.deepEqual(kinds(notices), ['ended']);
    assert.deepEqual(
      jobs.leftBehind(1100).map(({ pid }) => pid),
      [ROOT],
    );
  });

  it('are no job while the daemon forks for itself', () => {
    const jobs = tree();
    jobs.apply({ kind: 'fork', parent: DAEMON, child: ROOT }, 0);
    assert.deepEqual(jobs.apply({ kind: 'exit', pid: ROOT, status: 0 }, 1), []);
    jobs.apply({ kind: 'fork', parent: DAEMON, child: ROOT }, 2);
    jobs.apply({ kind: 'exec', pid: ROOT, command: 'condor_starter' }, 3);
    assert.equal(jobs.jobs.size, 0);
    jobs.apply({ kind: 'fork', parent: ROOT, child: 300 }, 4);
    assert.deepEqual(kinds(jobs.apply({ kind: 'exec', pid: 300, command: 'true' }, 5)), ['begun']);
  });

  it('that ran before the watch began are found by the first look', () => {
    const jobs = new JobTree({ daemons: ['slurmstepd'], graceMs: 0, mostMembers: 9 });
    const rows = [
      row(7, 6, 'python3'),
      row(6, 5, 'bash'),
      row(5, 1, 'slurmstepd'),
      row(9, 1, 'cron'),
    ];
    const notices = jobs.reconcile(rows, { ...LOOK, isFirst: true });
    assert.deepEqual(kinds(notices), ['begun']);
    assert.deepEqual([...jobs.jobs][0]!.members, new Set([6, 7]));
  });

  it('that no event told of are found by a later look, which says that events were missed', () => {
    const jobs = tree();
    for (const event of events().slice(0, 2)) jobs.apply(event, 0);
    const rows = [
      row(DAEMON, 1, 'condor_starter'),
      row(ROOT, DAEMON, 'sh'),
      row(300, ROOT, 'sleep'),
    ];
    assert.deepEqual(jobs.reconcile(rows, LOOK), [{ kind: 'events-lost', how: 'gap', missed: 1 }]);
    assert.equal(jobs.member(300)?.job.root, ROOT);
    assert.deepEqual(jobs.reconcile(rows, LOOK), []);
    // Too young to tell: its fork may be on the way.
    const young = row(301, ROOT, 'sleep', LOOK.ticksNow - 1);
    assert.deepEqual(jobs.reconcile([...rows, young], LOOK), []);
  });

  it('whose end no event told of are given up by the second look that misses them', () => {
    const jobs = tree();
    for (const event of events().slice(0, 3)) jobs.apply(event, 0);
    const rows = [row(DAEMON, 1, 'condor_starter'), row(201, 1, 'sh')];
    assert.deepEqual(jobs.reconcile(rows, LOOK), []);
    assert.deepEqual(kinds(jobs.reconcile(rows, LOOK)), ['events-lost', 'ended']);
    assert.deepEqual(
      jobs.leftBehind(99_999).map(({ pid }) => pid),
      [201],
    );
  });

  it('take bounded memory: beyond the limit it is said once that there are more', () => {
    const jobs = tree({ mostMembers: 3 });
    for (const event of events().slice(0, 2)) jobs.apply(event, 0);
    const notices = Array.from({ length: 50 }, (_, index) =>
      jobs.apply({ kind: 'fork', parent: ROOT, child: 1000 + index }, 0),
    ).flat();
    assert.deepEqual(notices, [{ kind: 'too-many', most: 3 }]);
    jobs.apply({ kind: 'exit', pid: 1000, status: 0 }, 0);
    jobs.apply({ kind: 'fork', parent: ROOT, child: 2000 }, 0);
    assert.ok(jobs.member(2000));
  });
});
