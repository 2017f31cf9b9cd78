import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  adOf,
  evaluateFully,
  expressionOf,
  type Node,
  parseBracketedAd,
  parseExpression,
  parseJsonAds,
  parseLineAds,
  parseXmlAds,
  printAd,
  printJsonAd,
  printLines,
  printNode,
  printValue,
  printXmlAds,
  readExpression,
} from './mod.ts';
import { stillAmbient } from './testing/ambient.ts';
import { randomTree } from './testing/random-tree.ts';

/** Of each of these; `npm test` tries them for a minute in all, beside another file. */
const seconds = Number(process.env.WINDROW_FUZZ_SECONDS ?? 1);
const bounds = { interruptAfterTimeLimit: seconds * 1000, numRuns: seconds > 1 ? 1e9 : 2000 };
const ambient = stillAmbient();
const adTree = fc.record({
  kind: fc.constant('ad' as const),
  attributes: fc.uniqueArray(
    fc.record({
      name: fc.stringMatching(/^[A-Z][a-z]{0,3}$/).filter((one) => !/^(is|true|error)$/i.test(one)),
      value: randomTree,
    }),
    {
      maxLength: 4,
      selector: ({ name }) => name.toLowerCase(),
    },
  ),
});

test('what is printed reads back as the same tree', () => {
  fc.assert(
    fc.property(randomTree, (tree) => {
      const text = printNode(tree);
      assert.deepEqual(parseExpression(text), tree, text);
      assert.equal(printNode(parseExpression(text)), text);
    }),
    bounds,
  );
});

test('an ad comes back from each of its forms', () => {
  const same = (tree: Node & { kind: 'ad' }, again: ReturnType<typeof adOf>) =>
    assert.equal(printAd(again), printNode(tree));
  fc.assert(
    fc.property(adTree, (tree) => {
      const ad = adOf(tree.attributes);
      same(tree, parseBracketedAd(printAd(ad)));
      same(tree, parseJsonAds(printJsonAd(ad))[0]!);
      const lines = orRefusal(() => printLines(ad));
      if (lines) same(tree, parseLineAds(lines)[0]!);
      const xml = orRefusal(() => printXmlAds([ad]));
      if (xml) same(tree, parseXmlAds(xml)[0]!);
    }),
    bounds,
  );
});

/** Null where the form says that it cannot hold some character. */
function orRefusal(print: () => string): string | null {
  try {
    return print();
  } catch (error) {
    assert.match((error as { code?: string }).code ?? '', /^CLASSAD_(NOT_PRINTABLE|FORM_WRONG)$/);
    return null;
  }
}

test('every expression has a value that can be printed, soon', () => {
  const budget = { steps: 100_000, characters: 1_000_000, ms: 100 };
  fc.assert(
    fc.property(randomTree, adTree, adTree, (tree, my, target) => {
      const surround = {
        my: adOf(my.attributes),
        target: adOf(target.attributes),
        ambient,
        budget,
      };
      const { value } = evaluateFully(expressionOf(tree), surround);
      assert.equal(typeof printValue(value), 'string');
      assert.deepEqual(
        printValue(evaluateFully(expressionOf(tree), surround).value),
        printValue(value),
      );
    }),
    bounds,
  );
});

test('any text is either read or refused with a place inside of it', () => {
  const pieces = fc.constantFrom(
    ...[
      '1',
      '.5',
      '-',
      'a',
      '.',
      '(',
      ')',
      '[',
      ']',
      '{',
      '}',
      '?',
      ':',
      '?:',
      '"x"',
      '"',
      "'",
      '\\',
    ],
    ...[
      '=?=',
      'is',
      '&&',
      '<',
      ';',
      ',',
      '=',
      ' ',
      '//',
      '/*',
      '*/',
      '\n',
      'é',
      '𝒳',
      '\0',
      '0x',
      '1e',
    ],
  );
  const text = fc.oneof(
    fc.array(pieces, { maxLength: 20 }).map((all) => all.join('')),
    fc.string(),
  );
  fc.assert(
    fc.property(text, (one) => {
      const read = readExpression(one);
      if (!read.problem) return;
      assert.ok(read.problem.offset >= 0 && read.problem.offset <= one.length);
      assert.match(read.problem.caret, /\n *\^$/);
    }),
    bounds,
  );
});
