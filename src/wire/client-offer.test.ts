import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOlderVersion, parseClientOffer } from './client-offer.ts';

test('versions are ordered by their numbers, and what is not released comes first', () => {
  const ordered = ['0.0.9', '0.1.0-rc.1', '0.1.0', '0.1.1', '0.10.0', '1.0.0', '1.2.0-a', '1.2.0'];
  for (const [at, one] of ordered.entries()) {
    for (const [other, later] of ordered.entries()) {
      assert.equal(isOlderVersion(one, later), at < other, `${one} ${later}`);
    }
  }
});

test('what is no version is older than any, and not than itself', () => {
  assert.equal(isOlderVersion('unknown', '0.0.1'), true);
  assert.equal(isOlderVersion('0.0.1', 'unknown'), false);
  assert.equal(isOlderVersion('?', '!'), false);
});

test('an offer is read field by field, and new fields are passed over', () => {
  const offer = { version: '1.0.0', sha256: 'a'.repeat(64), bytes: 9, encodings: ['zstd'] };
  assert.deepEqual(parseClientOffer({ ...offer, mood: 'good' }), offer);
  for (const wrong of [{ sha256: 'x' }, { bytes: 0 }, { version: '' }, { encodings: ['br'] }]) {
    assert.throws(() => parseClientOffer({ ...offer, ...wrong }), { code: 'MESSAGE_MALFORMED' });
  }
});
