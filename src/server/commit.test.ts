import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Change, Store } from '#store';
import { storeErrors } from '#store';
import { GroupCommit } from './commit.ts';

const event = (text: string): Change => ({
  kind: 'event',
  atMs: 0,
  job: null,
  event: 'test',
  actor: 'test',
  text,
});

/** A store that remembers commits and fails as it is told. */
function fakeStore(failures: unknown[] = []) {
  const commits: (readonly Change[])[] = [];
  const commit = async (changes: readonly Change[]): Promise<void> => {
    const failure = failures.shift();
    if (failure) throw failure;
    commits.push([...changes]);
  };
  return { commits, store: { commit } as Store };
}

const nothingLate = () => ({ changes: [], synced: Promise.resolve() });

const unexpected = (error: unknown): void => assert.fail(String(error));

describe('group commit', () => {
  it('puts the changes of many into one transaction, and answers nobody before it', async () => {
    const { commits, store } = fakeStore();
    const group = new GroupCommit(store, nothingLate, unexpected);
    const answered: string[] = [];
    const one = (text: string): Promise<void> => {
      group.add(event(text));
      return group.durable().then(() => void answered.push(text));
    };
    const all = [one('a'), one('b'), one('c')];
    assert.deepEqual(answered, []);
    await Promise.all(all);
    assert.equal(commits.length, 1);
    assert.deepEqual(answered, ['a', 'b', 'c']);
  });

  it('tries the same changes again while the disk is full, and says so meanwhile', async () => {
    const full = storeErrors.create('STATE_DISK_FULL', { file: 'x' });
    const { commits, store } = fakeStore([full]);
    const group = new GroupCommit(store, nothingLate, unexpected);
    group.add(event('a'));
    const durable = group.durable();
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    assert.match(group.stalled ?? '', /full/);
    await durable;
    assert.equal(group.stalled, null);
    assert.deepEqual(commits, [[event('a')]]);
  });

  it('takes along what came while the disk was full, so that no state is durable before its cause', async () => {
    const full = storeErrors.create('STATE_DISK_FULL', { file: 'x' });
    const { commits, store } = fakeStore([full]);
    let states = 'before';
    const late = () => ({ changes: [event(states)], synced: Promise.resolve() });
    const group = new GroupCommit(store, late, unexpected);
    group.add(event('a'));
    const durable = group.durable();
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    group.add(event('b'));
    states = 'after b';
    await durable;
    assert.deepEqual(commits[0], [event('a'), event('before'), event('b'), event('after b')]);
  });

  it('waits for no full disk once it ends', async () => {
    const full = storeErrors.create('STATE_DISK_FULL', { file: 'x' });
    const { store } = fakeStore(Array(50).fill(full));
    const group = new GroupCommit(store, nothingLate, unexpected);
    group.add(event('a'));
    const durable = group.durable();
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    const later = group.durable();
    group.end();
    await assert.rejects(durable, full);
    await assert.rejects(later, full);
  });

  it('tells of a store that is lost, and acknowledges nothing any more', async () => {
    const lost = storeErrors.create('STATE_CORRUPT', { file: 'x', why: 'y' });
    const { commits, store } = fakeStore([lost]);
    const fatal: unknown[] = [];
    const group = new GroupCommit(store, nothingLate, (error) => fatal.push(error));
    group.add(event('a'));
    await assert.rejects(group.durable(), lost);
    await assert.rejects(group.durable(), lost);
    assert.deepEqual(fatal, [lost]);
    assert.deepEqual(commits, []);
  });

  it('asks for what joins at the last moment before each commit', async () => {
    const { commits, store } = fakeStore();
    let states = [event('state')];
    const late = () => ({ changes: states.splice(0), synced: Promise.resolve() });
    const group = new GroupCommit(store, late, unexpected);
    group.touch();
    await group.durable();
    states = [];
    await group.durable();
    assert.deepEqual(commits, [[event('state')], []]);
  });

  it('writes nothing that points at results before these are durable', async () => {
    const { commits, store } = fakeStore();
    const { promise, resolve } = Promise.withResolvers<void>();
    const late = () => ({ changes: [event('end of results')], synced: promise });
    const group = new GroupCommit(store, late, unexpected);
    group.add(event('a'));
    const durable = group.durable();
    await new Promise((next) => setImmediate(() => setImmediate(next)));
    group.add(event('too late for this one'));
    assert.deepEqual(commits, []);
    resolve();
    await durable;
    assert.deepEqual(commits, [[event('a'), event('end of results')]]);
  });

  it('tries again when results found no room', async () => {
    const full = storeErrors.create('STATE_DISK_FULL', { file: 'x' });
    const { commits, store } = fakeStore();
    const tries = [full];
    const sync = async () => {
      const fault = tries.shift();
      if (fault) throw fault;
    };
    const late = () => ({ changes: [], synced: sync() });
    const group = new GroupCommit(store, late, unexpected);
    group.add(event('a'));
    await group.durable();
    assert.deepEqual([commits, tries], [[[event('a')]], []]);
  });
});
