/**
 * -1, 0 or 1, ordering runs of digits as numbers and those with leading zeros as fractions: the
 * order of GNU's `strverscmp`, so `8.9 < 8.10` and `1.01 < 1.1`.
 */
export function naturalOrder(left: string, right: string): -1 | 0 | 1 {
  let at = 0;
  while (at < left.length && left[at] === right[at]) at += 1;
  if (at === left.length && at === right.length) return 0;
  let start = at;
  while (start > 0 && isDigit(left[start - 1])) start -= 1;
  const before = left.slice(start, at);
  const [a, b] = [isDigit(left[at]), isDigit(right[at])];
  const byLength = digitsFrom(left, at) - digitsFrom(right, at);
  if (isWholePart(before, left[at], right[at])) {
    if (a !== b && before !== '') return a ? 1 : -1;
    if (a && b && byLength !== 0) return byLength > 0 ? 1 : -1;
  } else if (/^0+$/.test(before) && a !== b) {
    // Only zeros so far: more digits make a smaller fraction than none.
    return a ? -1 : 1;
  }
  return unitAt(left, at) < unitAt(right, at) ? -1 : 1;
}

/** Whether the digits around the first difference are a whole number in both. */
function isWholePart(before: string, left: string | undefined, right: string | undefined): boolean {
  return before === '' ? left !== '0' && right !== '0' : !before.startsWith('0');
}

function unitAt(text: string, at: number): number {
  return at < text.length ? text.charCodeAt(at) : -1;
}

function digitsFrom(text: string, at: number): number {
  let end = at;
  while (isDigit(text[end])) end += 1;
  return end - at;
}

function isDigit(character: string | undefined): boolean {
  return character !== undefined && character >= '0' && character <= '9';
}
