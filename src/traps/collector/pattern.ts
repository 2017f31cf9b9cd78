/**
 * Whether a text fits a pattern with `*` (any characters) and `?` (any one), letters of either
 * case. Goes back to the latest star only, so the cost is at most the product of the lengths.
 */
export function fitsPattern(text: string, pattern: string): boolean {
  const subject = text.toLowerCase();
  const wanted = pattern.toLowerCase();
  let at = 0;
  let place = 0;
  let star = -1;
  let resume = 0;
  while (at < subject.length) {
    if (wanted[place] === '*') {
      star = place++;
      resume = at;
    } else if (wanted[place] === '?' || wanted[place] === subject[at]) {
      place++;
      at++;
    } else if (star >= 0) {
      place = star + 1;
      at = ++resume;
    } else return false;
  }
  while (wanted[place] === '*') place++;
  return place === wanted.length;
}
