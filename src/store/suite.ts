/** The contract as tests: every store passes this suite. `open` opens the same place each time. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type AttemptRecord,
  type JobSpec,
  NO_DEALINGS,
  NO_ISOLATION,
  NO_LIFE,
  NO_MATCHING,
  type TaskChange,
  usageOf,
} from '#model';
import type { Change, Store, StoredJob, TaskNote } from './contract.ts';

export function storedJob(id: number): StoredJob {
  return {
    id,
    spec: {
      name: 'sweep',
      isolation: NO_ISOLATION,
      ...NO_MATCHING,
      ...NO_LIFE,
      ...NO_DEALINGS,
    } as JobSpec,
    lineage: '/out',
    key: 'k',
    keyParts: { command: 'c' },
    rows: 10,
    columns: ['a', 'b'],
    state: 'running',
    stateReason: '',
    stateActor: 'ann',
    stateAtMs: 1,
    submittedAtMs: 1,
    resultsEnd: null,
    collectedAtMs: null,
    published: [],
    emptied: false,
  };
}

export function attemptRecord(task: number, overrides: Partial<AttemptRecord> = {}): AttemptRecord {
  return {
    inputs: [],
    ticket: 100 + task,
    job: 1,
    task,
    number: 1,
    worker: 'w',
    cause: 'ok',
    exitCode: 0,
    signal: null,
    reason: '',
    signature: '',
    startedAtMs: 5,
    endedAtMs: 9,
    walls: null,
    usage: usageOf(4, {
      source: 'rusage',
      figures: { cpuUserMs: 1.5, memoryPeakBytes: 4096 },
      network: { OutgoingExternal: 2 ** 40 },
    }),
    place: { segment: 1, offset: 64, bytes: 32 },
    next: 'done',
    asked: null,
    reusedFrom: null,
    ...overrides,
  };
}

function note(task: number): TaskNote {
  return {
    job: 1,
    task,
    state: 'waiting',
    reason: 'the program ended with exit code 3',
    actor: 'server',
    atMs: 7,
    attempts: 1,
    failures: { 'exit-code': 1 },
    signature: '',
    notBeforeMs: 0,
    ruling: null,
    hold: null,
    holds: 0,
    lastHold: null,
    completions: 0,
    asked: null,
    unchecked: null,
  };
}

export function storeSuite(name: string, open: () => Promise<Store>): void {
  const reopened = async (changes: readonly Change[]): Promise<Store> => {
    const store = await open();
    await store.commit(changes);
    await store.close();
    return open();
  };

  describe(`${name}: the store contract`, () => {
    it('starts empty, with ticket 1 next', async () => {
      const store = await open();
      assert.deepEqual(await store.jobs(), []);
      assert.equal(await store.nextTicket(), 1);
      assert.equal(await store.lastSequence(), 0);
      await store.close();
    });

    it('gives a job back as it was, after closing and opening', async () => {
      const store = await reopened([{ kind: 'job-added', job: storedJob(1) }]);
      assert.deepEqual(await store.jobs(), [storedJob(1)]);
      await store.close();
    });

    it('applies all of a commit or nothing of it', async () => {
      const store = await open();
      await store.commit([{ kind: 'job-added', job: storedJob(1) }]);
      const twice: Change[] = [
        { kind: 'note', note: note(3) },
        { kind: 'job-added', job: storedJob(1) },
      ];
      await assert.rejects(store.commit(twice));
      assert.deepEqual(await store.notes(1, 0, 10), []);
      await store.commit([{ kind: 'note', note: note(3) }]);
      assert.deepEqual(await store.note(1, 3), note(3));
      await store.close();
    });

    it('keeps the latest of each attribute that programs set, whatever its case', async () => {
      const set = (task: number, name: string, expression: string): Change => {
        return { kind: 'attribute-set', job: 1, task, attribute: { name, expression } };
      };
      const store = await reopened([set(3, 'Done', '1'), set(3, 'DONE', '2'), set(4, 'Done', '3')]);
      assert.deepEqual(structuredClone(await store.attributesOf(1, 3)), [
        { name: 'DONE', expression: '2' },
      ]);
      assert.deepEqual(await store.attributesOf(1, 5), []);
      await store.forget(1, 10);
      assert.deepEqual(await store.attributesOf(1, 4), []);
      await store.close();
    });

    it('keeps what is in flight until it is closed, and the next ticket', async () => {
      const grant = {
        firstTicket: 1,
        job: 1,
        worker: 'w',
        workerName: 'host',
        tasks: [[0, 4]] as const,
        grantedAtMs: 3,
      };
      const store = await reopened([{ kind: 'granted', grant, nextTicket: 5 }]);
      assert.deepEqual(await store.grants(), [grant]);
      assert.equal(await store.nextTicket(), 5);
      await store.commit([{ kind: 'grant-closed', firstTicket: 1 }]);
      assert.deepEqual(await store.grants(), []);
      await store.close();
    });

    it('lists ended attempts by task, by end, and accepted ones in table order', async () => {
      const store = await reopened([
        { kind: 'attempt-ended', sequence: 1, attempt: attemptRecord(2), accepted: true },
        {
          kind: 'attempt-ended',
          sequence: 2,
          attempt: attemptRecord(1, { cause: 'exit-code', exitCode: 3, place: null }),
          accepted: false,
        },
        {
          kind: 'attempt-ended',
          sequence: 3,
          attempt: attemptRecord(1, { ticket: 900 }),
          accepted: true,
        },
      ]);
      const ofTask = await store.attemptsOfTask(1, 1);
      assert.deepEqual(
        ofTask.map((attempt) => [attempt.ticket, attempt.cause, attempt.accepted]),
        [
          [101, 'exit-code', false],
          [900, 'ok', true],
        ],
      );
      const { sequence, accepted, ...rest } = ofTask[1]!;
      assert.deepEqual(rest, attemptRecord(1, { ticket: 900 }));
      assert.equal(sequence, 3);
      assert.equal(accepted, true);
      assert.deepEqual((await store.endedTickets(1, 1, 2)).sort(), [101, 102, 900]);
      assert.deepEqual(await store.endedTickets(1, 2, 1), [102]);
      const byTask = await store.collectedByTask(1, -1, 10);
      assert.deepEqual(
        byTask.map((row) => row.task),
        [1, 2],
      );
      const byEnd = await store.collectedByEnd(1, 0, 10);
      assert.deepEqual(
        byEnd.map((row) => row.task),
        [2, 1],
      );
      assert.equal((await store.attemptsAfter(1, 1, 10)).length, 2);
      for (const job of [1, null]) {
        const before = await store.attemptsBefore(job, 3, 10);
        assert.deepEqual(
          before.map(({ sequence }) => sequence),
          [2, 1],
        );
      }
      assert.equal(await store.lastSequence(), 3);
      await store.close();
    });

    it('reads of the ends of attempts only what is asked for', async () => {
      const bad = { cause: 'signal', exitCode: null, signal: 'SIGSEGV', next: 'failed' } as const;
      const store = await reopened([
        { kind: 'attempt-ended', sequence: 1, attempt: attemptRecord(4), accepted: true },
        { kind: 'attempt-ended', sequence: 2, attempt: attemptRecord(5, bad), accepted: false },
        {
          kind: 'attempt-ended',
          sequence: 3,
          attempt: attemptRecord(6, { job: 2 }),
          accepted: true,
        },
      ]);
      const unread = {
        ...{ worker: '', cause: null, exitCode: null, signal: null, reason: '', signature: '' },
        ...{ startedAtMs: 0, usage: null },
      };
      const first = {
        ...unread,
        sequence: 1,
        job: 1,
        task: 4,
        number: 1,
        next: 'done',
        endedAtMs: 9,
      };
      const second = { ...first, sequence: 2, task: 5, next: 'failed' };
      assert.deepEqual(await store.glimpsesBefore(1, 3, 10, []), [second, first]);
      const [signalled] = await store.glimpsesBefore(null, 3, 1, ['signal', 'cause']);
      assert.deepEqual(signalled, { ...second, signal: 'SIGSEGV', cause: 'signal' });
      const [measured] = await store.glimpsesBefore(null, 2, 1, ['network', 'wallMs']);
      const { wallMs, memoryPeakBytes, network } = measured?.usage ?? {};
      assert.deepEqual([wallMs, memoryPeakBytes], [4, null]);
      assert.deepEqual(network, { OutgoingExternal: 2 ** 40 });
      assert.equal((await store.attemptAt(2))?.signal, 'SIGSEGV');
      assert.equal(await store.attemptAt(7), null);
      await store.close();
    });

    it('forgets the earlier end of an attempt that came back', async () => {
      const lost = attemptRecord(4, { cause: 'worker-lost', place: null });
      const store = await reopened([
        { kind: 'attempt-ended', sequence: 1, attempt: lost, accepted: false },
      ]);
      assert.deepEqual(
        (await store.lostAttempts(1, 10)).map(({ ticket }) => ticket),
        [lost.ticket],
      );
      await store.commit([
        { kind: 'attempt-redeemed', job: 1, task: 4, ticket: lost.ticket },
        { kind: 'attempt-ended', sequence: 2, attempt: attemptRecord(4), accepted: true },
      ]);
      const causes = (await store.attemptsOfTask(1, 4)).map((attempt) => attempt.cause);
      assert.deepEqual(causes, ['ok']);
      assert.deepEqual(await store.lostAttempts(1, 10), []);
      await store.close();
    });

    it('keeps changes of tasks in one order with the ends of attempts', async () => {
      const change: Omit<TaskChange, 'sequence'> = {
        ...{ job: 1, atMs: 5, actor: 'ann', reason: 'r', hold: null, ticket: null, worker: '' },
        ...{ kind: 'released', tasks: [[0, 4]], isMass: false },
      };
      const hold = { code: 26, subcode: 7 };
      const held: TaskChange = { ...change, sequence: 1, kind: 'held', hold, isMass: true };
      const store = await reopened([
        { kind: 'tasks-changed', change: held },
        { kind: 'attempt-ended', sequence: 2, attempt: attemptRecord(4), accepted: true },
        { kind: 'tasks-changed', change: { ...change, sequence: 3 } },
      ]);
      assert.deepEqual(await store.changesAfter(1, 0, 10), [held, { ...change, sequence: 3 }]);
      assert.deepEqual(await store.changesAfter(1, 1, 10), [{ ...change, sequence: 3 }]);
      assert.deepEqual(await store.massChanges(1), [held]);
      assert.equal(await store.lastSequence(), 3);
      assert.equal(await store.forget(1, 10), true);
      assert.deepEqual(await store.changesAfter(1, 0, 10), []);
      assert.equal(await store.lastSequence(), 3);
      await store.close();
    });

    it('keeps state bytes, statistics, tables, workers, events and changes of a job', async () => {
      const table = {
        id: 't',
        format: 'csv',
        file: 'grid.csv',
        rows: 3,
        columns: ['a'],
        addedAtMs: 1,
      };
      const worker = {
        id: 'w',
        name: 'host',
        platform: 'linux-x64',
        slots: 2,
        firstSeenMs: 1,
        lastSeenMs: 2,
        awayMs: 3,
      };
      const file = { name: 'energy', bytes: 12, changedMs: 1.5 };
      const order = { state: 'paused', reason: 'r', actor: 'ann', atMs: 8 } as const;
      const store = await reopened([
        { kind: 'job-added', job: storedJob(1) },
        { kind: 'states', job: 1, segment: 0, bytes: new Uint8Array([1, 2]) },
        { kind: 'states', job: 1, segment: 0, bytes: new Uint8Array([4, 4]) },
        { kind: 'statistics', job: 1, through: 3, json: '{}' },
        { kind: 'table-added', table },
        { kind: 'worker', worker },
        { kind: 'worker-ordered', worker: 'w', order: { ...order, state: 'draining' } },
        { kind: 'worker-ordered', worker: 'w', order },
        { kind: 'share', share: { owner: 'ada', averageCpus: 1, atMs: 7 } },
        { kind: 'share', share: { owner: 'ada', averageCpus: 2.5, atMs: 8 } },
        { kind: 'share', share: { owner: 'bob', averageCpus: 1, atMs: 7 } },
        { kind: 'share-forgotten', owner: 'bob' },
        { kind: 'event', atMs: 1, job: 1, event: 'job-submitted', actor: 'ann', text: 'x' },
        { kind: 'event', atMs: 2, job: null, event: 'server-started', actor: 'server', text: '' },
        { kind: 'results-end', job: 1, segment: 1, bytes: 77 },
        { kind: 'job-state', job: 1, state: 'paused', reason: 'r', actor: 'ann', atMs: 9 },
        { kind: 'job-collected', job: 1, atMs: 11, published: [file] },
      ]);
      const states = await store.states(1);
      assert.deepEqual([...states[0]!.bytes], [4, 4]);
      assert.deepEqual({ ...(await store.statistics(1)) }, { through: 3, json: '{}' });
      assert.deepEqual(await store.tables(), [table]);
      assert.deepEqual(
        (await store.workers()).map((row) => ({ ...row })),
        [{ ...worker, order }],
      );
      assert.deepEqual(
        (await store.shares()).map((row) => ({ ...row })),
        [{ owner: 'ada', averageCpus: 2.5, atMs: 8 }],
      );
      assert.equal((await store.events(0, null, 10)).length, 2);
      assert.equal((await store.events(0, 1, 10)).length, 1);
      const [latest] = await store.latestEvents(1, 10);
      assert.equal(latest!.kind, 'job-submitted');
      const [job] = await store.jobs();
      assert.equal(job!.state, 'paused');
      assert.deepEqual(job!.resultsEnd, { segment: 1, bytes: 77 });
      assert.equal(job!.collectedAtMs, 11);
      assert.deepEqual(job!.published, [file]);
      await store.close();
    });
  });
}
