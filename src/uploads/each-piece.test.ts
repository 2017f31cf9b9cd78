import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { eachPiece, type Taker } from './each-piece.ts';

const taker = (take: Taker['take']): Taker => ({ take, room: () => null });

describe('the pieces of a body', () => {
  it('come in their order, and none comes while one is waited for', async () => {
    const body = new PassThrough();
    const taken: string[] = [];
    let isTaking = false;
    const takeSome = taker((piece) => {
      assert.ok(!isTaking);
      taken.push(String(piece));
      if (taken.length % 2 === 0) return undefined;
      isTaking = true;
      return new Promise((resolve) =>
        setImmediate(() => {
          isTaking = false;
          resolve();
        }),
      );
    });
    const all = eachPiece(body, takeSome);
    for (const piece of ['a', 'b', 'c', 'd']) body.write(piece);
    body.end();
    await all;
    assert.equal(taken.join(''), 'abcd');
  });

  it('that cannot be taken end it, and the body is left as it is for whoever answers', async () => {
    for (const fails of [
      () => {
        throw new Error('no room');
      },
      () => Promise.reject(new Error('no room')),
    ]) {
      const body = new PassThrough();
      const all = eachPiece(body, taker(fails));
      body.write('a');
      await assert.rejects(all, /no room/);
      assert.ok(!body.destroyed);
      body.end('b');
      let rest = '';
      for await (const piece of body) rest += piece;
      assert.equal(rest, 'b');
    }
  });

  it('are all in hands before it is told that the body broke off', async () => {
    const body = new PassThrough();
    const { promise: written, resolve: write } = Promise.withResolvers<void>();
    let isWritten = false;
    const take = () =>
      written.then(() => {
        isWritten = true;
      });
    const all = eachPiece(body, taker(take));
    const told = all.then(
      () => assert.fail('it came whole'),
      () => isWritten,
    );
    body.once('close', () => setImmediate(write));
    body.on('data', () => body.destroy(new Error('connection lost')));
    body.write('a');
    assert.equal(await told, true);
  });

  it('of a body that is over or broken already are none', async () => {
    const over = new PassThrough();
    over.end();
    over.resume();
    await new Promise((resolve) => over.once('close', resolve));
    await eachPiece(
      over,
      taker(() => assert.fail('there was none')),
    );
    const broken = new PassThrough();
    broken.on('error', () => {}).destroy(new Error('connection lost'));
    await assert.rejects(
      eachPiece(
        broken,
        taker(() => undefined),
      ),
      /connection lost|Premature close/,
    );
  });
});
