import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileExpression, ERROR, evaluateFully, printNode, readExpression } from './mod.ts';
import { stillAmbient } from './testing/ambient.ts';

function run(text: string, budget = {}) {
  return evaluateFully(compileExpression(text), { ambient: stillAmbient(), budget });
}

test('deep nesting in text is refused, not a crash', () => {
  // The last number is how deep it may be: as deep, it is read and evaluated on the usual stack.
  const shapes: readonly [open: string, close: string, most: number][] = [
    ['(', ')', 490],
    ['{', '}', 490],
    ['[a=', ']', 490],
    ['f(', ')', 490],
    ['-', '', 490],
    ['1?', ':2', 490],
    ['1||(', ')', 490],
    ['1||2&&3|4^5&6==7<8<<9+10*(', ')', 49],
  ];
  for (const [open, close, most] of shapes) {
    const nested = (depth: number) => `${open.repeat(depth)}1${close.repeat(depth)}`;
    assert.match(readExpression(nested(20_000)).problem?.problem ?? '', /nested deeper/, open);
    const { node } = readExpression(nested(most));
    assert.ok(node, open);
    assert.ok(printNode(node).length > most);
    assert.notEqual(run(nested(most)).exhausted, 'steps');
  }
  assert.match(readExpression(`a${'.b'.repeat(100_000)}`).problem?.problem ?? '', /nested deeper/);
  assert.match(readExpression(`${'a?:'.repeat(100_000)}a`).problem?.problem ?? '', /nested deeper/);
});

test('a long chain of operators is no nesting', () => {
  assert.deepEqual(run(`0${' + 1'.repeat(50_000)}`).value, 50_000);
  assert.deepEqual(run(`true${' && true'.repeat(50_000)}`).value, true);
});

test('attributes that lead from one to the next end in an error beyond the nesting', () => {
  const links = Array.from({ length: 1000 }, (_, at) => `a${at} = a${at + 1} + 1`).join('; ');
  assert.deepEqual(run(`[ ${links}; a1000 = 0 ].a0`), { value: ERROR, exhausted: 'nesting' });
  assert.equal(run(`[ ${links}; a1000 = 0 ].a900`).value, 100);
});

test('work that doubles with each attribute ends when its steps are spent', () => {
  const links = Array.from({ length: 60 }, (_, at) => `a${at} = a${at + 1} + a${at + 1}`).join(
    '; ',
  );
  const found = run(`[ ${links}; a60 = 1 ].a0`, { steps: 100_000 });
  assert.deepEqual(found, { value: ERROR, exhausted: 'steps' });
});

test('an evaluation ends when its time is over', () => {
  const links = Array.from({ length: 60 }, (_, at) => `a${at} = a${at + 1} + a${at + 1}`).join(
    '; ',
  );
  const found = run(`[ ${links}; a60 = 1 ].a0`, { ms: 3 });
  assert.deepEqual(found, { value: ERROR, exhausted: 'time' });
});

test('a string that doubles with each attribute ends when its characters are spent', () => {
  const links = Array.from(
    { length: 60 },
    (_, at) => `a${at} = strcat(a${at + 1}, a${at + 1})`,
  ).join('; ');
  const found = run(`[ ${links}; a60 = "xxxxxxxxxxxxxxxx" ].a0`);
  assert.deepEqual(found, { value: ERROR, exhausted: 'characters' });
});

test('eval that calls itself ends', () => {
  assert.deepEqual(run('[ a = "eval(a)"; b = eval(a) ].b'), { value: ERROR, exhausted: 'nesting' });
});

test('a pattern that ruins backtracking engines costs no more than its length', () => {
  const subject = 'a'.repeat(20_000);
  const { value } = run(`regexp("^(a+)+$", "${subject}b")`);
  assert.equal(value, false);
  assert.equal(run(`regexp("(a{900}){900}", "${subject}")`).value, ERROR);
  assert.equal(run(`regexp("(x+x+)+y", strcat("${'x'.repeat(5000)}"))`).value, false);
});

test('a pattern with back references or look-around is an error', () => {
  assert.equal(run('regexp("(a)\\\\1", "aa")').value, ERROR);
  assert.equal(run('regexp("a(?=b)", "ab")').value, ERROR);
});

test('an expression beyond the limit is refused before it is read', () => {
  assert.throws(() => readExpression('1'.repeat(2_000_000)), { code: 'CLASSAD_TOO_LARGE' });
});

test('little text that asks for much work on long strings does not get it', () => {
  const long = '[ s = "X"; t = strcat(Y, Y, Y, Y) ]'
    .replace('X', 'x,'.repeat(50_000))
    .replaceAll('Y', 's');
  const calls: readonly string[] = [
    'size(s)',
    'size(t)',
    'substr(t, 5, 1)',
    'stringListIMember(t, t)',
    'stringListSize(t, t)',
    'size(split(t, t))',
    'versionLT(t, t)',
    'version_in_range(t, t, t)',
    'int(strcat(t, "1"))',
    'regexps("(.*)", t, t)',
    'regexp("(x|,)*y", t)',
    't == t',
    'strcmp(t, t)',
    'unresolved(r)',
    'interval(size(unparse(r)))',
  ];
  for (const call of calls) {
    const many = `{${`${call},`.repeat(2000)}1}`;
    const ad = `[ r = {${'1,'.repeat(50_000)}1}; n = allCompare("<", ${many}, 0) ; ${long.slice(2, -2)} ].n`;
    const { exhausted } = run(ad, { steps: 1_000_000, characters: 4_000_000 });
    assert.match(exhausted ?? 'nothing', /^(steps|characters)$/, call);
  }
});

test('a number of a million digits is read at once', () => {
  const digits = '1'.repeat(1_000_000);
  const since = performance.now();
  assert.equal(run(digits).value, 0);
  assert.equal(run(`int("${digits}x")`).value, ERROR);
  assert.equal(run(`int("${digits}")`).value, ERROR);
  assert.ok(performance.now() - since < 1000);
});

test('a replacement that multiplies its groups ends when its characters are spent', () => {
  const text = `regexps("(.*)", "${'a'.repeat(400_000)}", "${'\\\\1'.repeat(100_000)}")`;
  assert.deepEqual(run(text), { value: ERROR, exhausted: 'characters' });
});
