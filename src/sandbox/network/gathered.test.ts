import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Gathered } from './gathered.ts';

describe('gathered acts', () => {
  it('do together what is asked for at once or meanwhile, at most so many', async () => {
    const acts: number[][] = [];
    let meanwhile: Promise<number> | undefined;
    const gathered = new Gathered<number, number>(async (items) => {
      meanwhile ??= gathered.do(6);
      acts.push([...items]);
      return items.map((item) => item * 10);
    }, 3);
    const results = await Promise.all([1, 2, 3, 4, 5].map((item) => gathered.do(item)));
    assert.deepEqual(results, [10, 20, 30, 40, 50]);
    assert.equal(await meanwhile, 60);
    assert.deepEqual(acts, [
      [1, 2, 3],
      [4, 5, 6],
    ]);
  });

  it('refuse only the item that is to blame', async () => {
    const gathered = new Gathered<number>(async (items) => {
      if (items.includes(3)) throw new Error('three');
      return [];
    }, 10);
    const ends = await Promise.allSettled([1, 2, 3, 4].map((item) => gathered.do(item)));
    assert.deepEqual(
      ends.map(({ status }) => status),
      ['fulfilled', 'fulfilled', 'rejected', 'fulfilled'],
    );
  });
});
