import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Part } from '#model';
import { ExpressionChecker } from './expression-checker.ts';
import type { StoredPart } from './segment-reader.ts';
import type { Verdict } from './validator.ts';

function partOf(name: string, content: Buffer | string, part: Partial<Part> = {}): StoredPart {
  const bytes = Buffer.from(content);
  return {
    ...{ name, kind: 'result', file: name, cutBytes: 0, bytes: bytes.length, ...part },
    read: () => bytes,
    *pieces() {
      yield bytes;
    },
  };
}

function check(
  text: string,
  parameters: Record<string, string>,
  parts: readonly StoredPart[],
): Promise<Verdict> {
  const record = { ticket: 5, job: 1, task: 7, parts };
  const checker = new ExpressionChecker(text, new Set(['fields']));
  return checker.check({ task: 7, ticket: 5, parameters, record });
}

const VALID: Verdict = { verdict: 'valid' };

test('results and parameters are there by name, as numbers where they look like numbers', async () => {
  const parts = [partOf('energy', '-1.5\n'), partOf('state', 'frozen\n'), partOf('odd-name', '3')];
  const texts = [
    'energy < 0 && Beta == 2 && isInteger(beta) && isReal(ENERGY)',
    'state == "frozen" && code == "007"',
    "'odd-name' + TaskIndex == 10",
    'ResultEnergy == energy && ExitCode == 0',
  ];
  for (const text of texts) {
    assert.deepEqual(await check(text, { beta: '2', code: '007' }, parts), VALID, text);
  }
});

test('a parameter hides a result of its name, which is still there under its longer one', async () => {
  const parts = [partOf('x', '2')];
  assert.deepEqual(await check('x == 1 && ResultX == 2', { x: '1' }, parts), VALID);
});

test('false refuses, with the expression and what its names stood for', async () => {
  assert.deepEqual(await check('energy<0||beta>3', { beta: '2' }, [partOf('energy', '5\n')]), {
    verdict: 'invalid',
    reason: 'energy < 0 || beta > 3 is false (beta = 2, energy = 5)',
  });
});

test('what has no value is the fault of the expression, which says which part has none', async () => {
  const reason = async (text: string) => {
    const verdict = await check(text, {}, [
      partOf('energy', '5'),
      partOf('fields', '1'),
      partOf('raw', Buffer.from([255])),
    ]);
    assert.equal(verdict.verdict, 'fault');
    return 'reason' in verdict ? verdict.reason : '';
  };
  assert.equal(
    await reason('energy > 1 && enrgy < 9'),
    'enrgy is undefined, and so is the validating expression energy > 1 && enrgy < 9',
  );
  assert.match(await reason('energy / 0 == 1'), /^energy \/ 0 is error, and so is/);
  assert.equal(await reason('fields'), 'fields is undefined');
  assert.equal(await reason('raw'), 'raw is undefined');
  assert.equal(await reason('"yes"'), '"yes" is of type string, neither true nor false');
});

test('an expression that would go on for ever is a fault, soon', async () => {
  const links = Array.from({ length: 60 }, (_, at) => `a${at} = a${at + 1} + a${at + 1}`).join(
    '; ',
  );
  const verdict = await check(`[ ${links}; a60 = 1 ].a0 > 0`, {}, []);
  assert.equal(verdict.verdict, 'fault');
  assert.match('reason' in verdict ? verdict.reason : '', /^\[ a0 = a1 \+ a1; .*/);
});
