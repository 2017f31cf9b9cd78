import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adOfValues, localAmbient } from '#classad';
import { sieveOf, sift, toldOf } from './sieve.ts';

const ambient = localAmbient({
  now: () => 0,
  random: () => 0,
  elapsedMs: () => performance.now(),
});
const numbered = (at: number) => adOfValues({ At: at, Owner: at % 2 ? 'ada' : 'bob' });

test('only what makes the constraint true is let through, with what was asked of it', async () => {
  const sieve = sieveOf({ constraint: 'At > 2 && owner == "ADA"', attributes: 'at,None' }, ambient);
  const told: (string | undefined)[] = [];
  const pages = [[1, 2, 3], [], [4, 5]];
  for await (const { ad } of sift(sieve, pages, numbered)) told.push(toldOf(sieve, ad));
  assert.deepEqual(told, ['[ At = 3 ]', '[ At = 5 ]']);
});

test('an ad of which the constraint is undefined or an error does not fit', async () => {
  for (const constraint of ['Missing > 3', 'Owner + 1', '"true"']) {
    const sieve = sieveOf({ constraint }, ambient);
    for await (const _ of sift(sieve, [[1, 2]], numbered)) assert.fail(constraint);
  }
});

test('a constraint that takes its time leaves turns to others', async () => {
  const long = `"${'x'.repeat(1000)}"`;
  const constraint = `size(strcat(${Array(900).fill(long).join(',')})) > 0 && At < 0`;
  const sieve = sieveOf({ constraint }, ambient);
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  const page = Array.from({ length: 200 }, (_, at) => at);
  let found = 0;
  try {
    for await (const _ of sift(sieve, [page], numbered)) found++;
  } finally {
    clearInterval(timer);
  }
  assert.equal(found, 0);
  assert.ok(turns > 0);
});
