/** The tests of `if` and `elif`: `[!] defined NAME`, `version >= 8.1`, a boolean, a number. */

/** The version of the language that `version` compares with. */
const LANGUAGE_VERSION: readonly number[] = [25, 0, 0];

/** @param test with its macros expanded. A sentence fragment when it is no test. */
export function testOf(
  test: string,
  isDefined: (name: string) => boolean,
): boolean | { readonly problem: string } {
  const [, bang = '', body = ''] = /^((?:!\s*)*)(.*)$/s.exec(test.trim()) ?? [];
  const truth = plainTest(body.trim(), isDefined);
  if (typeof truth === 'object') return truth;
  return (bang.match(/!/g)?.length ?? 0) % 2 === 1 ? !truth : truth;
}

function plainTest(
  test: string,
  isDefined: (name: string) => boolean,
): boolean | { readonly problem: string } {
  if (test === '') return false;
  const defined = /^defined(?:\s+(\S+))?$/i.exec(test);
  if (defined) return defined[1] !== undefined && isDefined(defined[1]);
  const version = /^version\s*(==|!=|>=|<=|>|<)\s*(\d+(?:\.\d+){0,2})$/i.exec(test);
  if (version) return compareVersion(version[1]!, version[2]!.split('.').map(Number));
  if (/^(true|yes|t|y)$/i.test(test)) return true;
  if (/^(false|no|f|n)$/i.test(test)) return false;
  if (/^[+-]?\d+(\.\d+)?$/.test(test)) return Number(test) !== 0;
  return {
    problem: `"${test.slice(0, 80)}" is no test; tests are: defined NAME, version >= X.Y, true, false, a number`,
  };
}

/** Only as many parts count as are written: 25.1 is `version == 25`. */
function compareVersion(operator: string, asked: readonly number[]): boolean {
  const at = asked.findIndex((part, index) => part !== LANGUAGE_VERSION[index]);
  const order = at === -1 ? 0 : Math.sign(LANGUAGE_VERSION[at]! - asked[at]!);
  switch (operator) {
    case '==':
      return order === 0;
    case '!=':
      return order !== 0;
    case '>=':
      return order >= 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    default:
      return order < 0;
  }
}
