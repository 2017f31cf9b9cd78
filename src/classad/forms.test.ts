import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Ad,
  classadErrors,
  evaluateAttribute,
  matches,
  parseAds,
  parseBracketedAd,
  parseBracketedAds,
  parseJsonAds,
  parseLineAds,
  printAd,
  printJsonAd,
  printLines,
  printValue,
  printXmlAds,
  real,
} from './mod.ts';
import { stillAmbient } from './testing/ambient.ts';

const ambient = stillAmbient();

function only(ads: readonly Ad[]): Ad {
  assert.equal(ads.length, 1);
  return ads[0]!;
}

test('in lines a backslash is itself, save before a quote that is not the last', () => {
  const ad = only(
    parseLineAds(
      'A = "C:\\dir"\nB = "say \\"hi\\""\nC = "ends in \\"\nD = regexp("^\\d+$", "12")\n',
    ),
  );
  const value = (name: string) => printValue(evaluateAttribute(ad, name, { ambient }));
  assert.equal(value('a'), '"C:\\\\dir"');
  assert.equal(value('b'), '"say \\"hi\\""');
  assert.equal(value('c'), '"ends in \\\\"');
  assert.equal(value('d'), 'true');
});

test('ads in brackets may stand one behind the other', () => {
  const text = '[ A = "]["; B = { 1 }[0] ]\n[ C = [ D = 1 ] ]   ';
  const printed = parseBracketedAds(text).map((ad) => printAd(ad));
  assert.deepEqual(printed, ['[ A = "]["; B = { 1 }[0] ]', '[ C = [ D = 1 ] ]']);
  assert.deepEqual(parseBracketedAds(' \n '), []);
  for (const wrong of ['[ A = 1', '[ A = 1 ] B', ']', '[ A = 1 ], [ B = 2 ]']) {
    assert.throws(() => parseBracketedAds(wrong), { code: 'CLASSAD_SYNTAX_WRONG' }, wrong);
  }
});

test('an empty line parts ads and a later attribute replaces an earlier one', () => {
  const ads = parseLineAds('# machines\nA = 1\na = 2\n\n\nB = 3');
  assert.deepEqual(
    ads.map((ad) => printAd(ad)),
    ['[ a = 2 ]', '[ B = 3 ]'],
  );
});

test('an ad is read in whichever form it is written', () => {
  const expected = '[ A = 1; B = "x"; C = { 1.5,A + 1 }; D = [ E = undefined ]; F = error ]';
  const ad = parseBracketedAd(expected);
  for (const text of [expected, printLines(ad), printJsonAd(ad), printXmlAds([ad])]) {
    assert.equal(printAd(only(parseAds(text))), expected, text);
  }
  assert.deepEqual(
    parseAds('[]').map((one) => printAd(one)),
    [],
  );
  assert.equal(parseAds('[{}, {}]').length, 2);
});

test('JSON keeps 64-bit integers, whole reals, expressions, and strings that look like those', () => {
  const text =
    '[ A = 9223372036854775807; B = 2.0; C = x + 1; D = "/Expr(1)/"; E = 0.30000000000000004 ]';
  const json = printJsonAd(parseBracketedAd(text));
  assert.equal(
    json,
    '{ "A": 9223372036854775807, "B": 2.0, "C": "/Expr(x + 1)/", "D": "/Expr(\\"/Expr(1)/\\")/", "E": 0.3000000000000000' +
      '4 }',
  );
  assert.equal(printAd(only(parseJsonAds(json))), text);
});

test('what is not of the form is refused with its place', () => {
  const refusals: [text: string, code: string, said: RegExp][] = [
    ['A = 1\nB = \nC = 3', 'CLASSAD_SYNTAX_WRONG', /line 2, column \d: expected an operand/],
    ['A 1', 'CLASSAD_SYNTAX_WRONG', /line 1, column 3/],
    ['[ a = 1', 'CLASSAD_SYNTAX_WRONG', /column 8/],
    ['{"A": }', 'CLASSAD_FORM_WRONG', /JSON/],
    ['{"A": "/Expr(1 +)/"}', 'CLASSAD_SYNTAX_WRONG', /expected an operand/],
    ['[1]', 'CLASSAD_SYNTAX_WRONG', /expected a name/],
    ['<c><a n="A"><i>1</a></c>', 'CLASSAD_FORM_WRONG', /expected <\/i>, found <\/a>/],
    ['<c><a n="A"><i>x</i></a></c>', 'CLASSAD_FORM_WRONG', /cannot hold/],
    ['<!DOCTYPE c [<!ENTITY a "b">]><c></c>', 'CLASSAD_FORM_WRONG', /no tag/],
    ['<c><a n="A"><s>&lol;</s></a></c>', 'CLASSAD_FORM_WRONG', /is no character/],
  ];
  for (const [text, code, said] of refusals) {
    assert.throws(() => parseAds(text), { code, message: said }, text);
  }
});

test('a string that lines cannot hold is refused rather than changed', () => {
  const ad = parseBracketedAd('[ a = "two\\nlines" ]');
  const { code } = classadErrors.create('CLASSAD_NOT_PRINTABLE');
  assert.throws(() => printLines(ad), { code });
});

test('each ad sees the other as TARGET, and names that it lacks are found there', () => {
  const job = parseBracketedAd(
    '[ RequestMemory = 100; Requirements = TARGET.Memory >= RequestMemory && Arch == "x86_64" ]',
  );
  const machine = parseBracketedAd(
    '[ Memory = 128; Arch = "X86_64"; Requirements = TARGET.RequestMemory < MY.Memory ]',
  );
  const small = parseBracketedAd('[ Memory = 64; Arch = "X86_64"; Requirements = true ]');
  assert.equal(matches(job, machine, ambient), true);
  assert.equal(matches(job, small, ambient), false);
  assert.equal(
    matches(parseBracketedAd('[ Requirements = true ]'), parseBracketedAd('[]'), ambient),
    false,
  );
});

test('an attribute reached through TARGET is evaluated on its own side', () => {
  const my = parseBracketedAd('[ L = 5; x = TARGET.K ]');
  const target = parseBracketedAd('[ K = TARGET.L; L = 7 ]');
  assert.equal(evaluateAttribute(my, 'x', { target, ambient }), 5);
});

test('an ad finds in its chain what it lacks', () => {
  const cluster = parseBracketedAd('[ Owner = "ada"; Rank = ProcId * 2 ]');
  const chained = { attributes: parseBracketedAd('[ ProcId = 4 ]').attributes, chained: cluster };
  assert.equal(evaluateAttribute(chained, 'rank', { ambient }), 8);
  assert.equal(evaluateAttribute(chained, 'OWNER', { ambient }), 'ada');
});

test('reals are printed as HTCondor prints them', () => {
  assert.equal(printValue(real(1 / 3)), '0.3333333333333333');
  assert.equal(printValue(real(123456789012345680)), '1.234567890123457E+17');
});
