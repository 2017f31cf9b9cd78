/**
 * Reals as text. `short` is HTCondor's `%.16G` with `.0` where it would look whole; `long` is its
 * `%1.15E`, which its string conversions use; `exact` is `short` with a 17th digit where the value
 * would not come back without it.
 */
export type RealStyle = 'short' | 'long' | 'exact';

const SHORT_DIGITS = 16;

export function printReal(value: number, style: RealStyle): string {
  if (Number.isNaN(value)) return 'real("NaN")';
  if (!Number.isFinite(value)) return value > 0 ? 'real("INF")' : 'real("-INF")';
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  if (style === 'long') return upperExponent(value.toExponential(15));
  const short = general(value, SHORT_DIGITS);
  return style === 'exact' && Number(short) !== value ? general(value, SHORT_DIGITS + 1) : short;
}

/** C's `%.<digits>G`, with `.0` where neither point nor exponent is left. */
function general(value: number, digits: number): string {
  const [mantissa, exponentText] = value.toExponential(digits - 1).split('e');
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= digits) {
    return upperExponent(`${withoutZeros(mantissa!)}e${exponentText}`);
  }
  const fixed = withoutZeros(value.toFixed(digits - 1 - exponent));
  return fixed.includes('.') ? fixed : `${fixed}.0`;
}

function withoutZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

function upperExponent(text: string): string {
  return text.replace(/e([+-])(\d)$/, 'e$10$2').replace('e', 'E');
}
