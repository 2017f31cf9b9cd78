import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Lifetime } from './lifetime.ts';
import { nearestWord } from './nearest.ts';
import { printable, printableLines } from './terminal-text.ts';

describe('a lifetime', () => {
  it('closes in reverse order and waits for each', async () => {
    const order: string[] = [];
    const lifetime = new Lifetime();
    lifetime.hold('store', 'store', async (name) => {
      await new Promise(setImmediate);
      order.push(name);
    });
    lifetime.hold('server', 'server', async (name) => {
      await new Promise(setImmediate);
      order.push(name);
    });
    await lifetime.close();
    await lifetime.close();
    assert.deepEqual(order, ['server', 'store']);
  });

  it('closes the rest when one fails, and tells of every failure', async () => {
    let closed = false;
    const lifetime = new Lifetime();
    lifetime.hold('first', null, () => {
      closed = true;
    });
    lifetime.hold('second', null, () => Promise.reject(new Error('stuck')));
    lifetime.hold('third', null, () => {
      throw new Error('gone');
    });
    await assert.rejects(lifetime.close(), (error: AggregateError) => {
      assert.equal(error.message, 'could not close third: gone; second: stuck');
      return true;
    });
    assert.equal(closed, true);
  });

  it('closes what is added while it is closing', async () => {
    const order: string[] = [];
    const lifetime = new Lifetime();
    lifetime.hold('slow', null, async () => {
      await new Promise(setImmediate);
      lifetime.hold('late', null, () => void order.push('late'));
      order.push('slow');
    });
    await lifetime.close();
    assert.deepEqual(order, ['slow', 'late']);
  });
});

describe('text of others', () => {
  it('cannot move the cursor, hide or turn itself round', () => {
    assert.equal(printable('a\u001b[31mb\nc\u202ed\u0007'), 'a\\e[31mb\\nc\\u202ed\\x07');
    assert.equal(printableLines('a\tb\n\u009b2J'), 'a\tb\n\\x9b2J');
    assert.equal(printable('grün 漢字 🌾'), 'grün 漢字 🌾');
  });
});

describe('the nearest word', () => {
  it('is found for a slip and not for something else', () => {
    const known = ['retries', 'timeout', 'validate'];
    assert.equal(nearestWord('retrys', known), 'retries');
    assert.equal(nearestWord('Timeuot', known), 'timeout');
    assert.equal(nearestWord('colour', known), undefined);
  });
});
