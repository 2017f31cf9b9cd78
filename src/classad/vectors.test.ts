import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  compileExpression,
  evaluate,
  functionNames,
  printValue,
  readExpression,
  typeOf,
} from './mod.ts';
import { stillAmbient } from './testing/ambient.ts';

function read<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`./vectors/${name}.json`, import.meta.url), 'utf8'));
}

type ValueCase = [text: string, type: string, printed: string];

for (const name of ['operators', 'functions']) {
  test(`every expression of the ${name} table has the value beside it`, () => {
    const found = read<ValueCase[]>(name).map(([text]) => {
      const value = evaluate(compileExpression(text), { ambient: stillAmbient() });
      return [text, typeOf(value), printValue(value)];
    });
    assert.deepEqual(found, read<ValueCase[]>(name));
  });
}

test('every expression of the refused table is refused at its column', () => {
  const cases = read<[string, number][]>('refused');
  const found = cases.map(([text]) => [text, readExpression(text).problem?.column]);
  assert.deepEqual(found, cases);
});

test('every built-in function stands in the table of functions', () => {
  const texts = read<ValueCase[]>('functions').map(([text]) => text.toLowerCase());
  const missing = functionNames().filter(
    (name) => !texts.some((text) => text.includes(`${name}(`)),
  );
  assert.deepEqual(missing, []);
});
