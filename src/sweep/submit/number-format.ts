/** Longer numbers are nobody's. */
const MOST_WIDTH = 100;

/** One number by a format of C's printf with one conversion (`%05d`, `%.3f`, `x%X`); null: it is none. */
export function formatNumber(format: string, value: number): string | null {
  const found =
    /^((?:[^%]|%%)*)%([-+ 0#]*)(\d*)(?:\.(\d+))?(?:ll?|h)?([dixXoeEfFgGs])((?:[^%]|%%)*)$/.exec(
      format,
    );
  if (!found) return null;
  const [, before, flags, width, precision, conversion, after] = found as unknown as string[];
  if (Number(width) > MOST_WIDTH || Number(precision ?? 0) > MOST_WIDTH) return null;
  const digits = converted(
    conversion!,
    Math.abs(value),
    precision === undefined ? null : Number(precision),
  );
  const isNegative = value < 0 || Object.is(value, -0);
  const sign = isNegative ? '-' : flags!.includes('+') ? '+' : flags!.includes(' ') ? ' ' : '';
  return text(before!) + padded(sign, digits, flags!, Number(width)) + text(after!);
}

function text(part: string): string {
  return part.replaceAll('%%', '%');
}

function padded(sign: string, digits: string, flags: string, width: number): string {
  if (flags.includes('-')) return (sign + digits).padEnd(width);
  if (flags.includes('0')) return sign + digits.padStart(width - sign.length, '0');
  return (sign + digits).padStart(width);
}

function converted(conversion: string, value: number, precision: number | null): string {
  switch (conversion) {
    case 'd':
    case 'i':
      return BigInt(Math.trunc(value))
        .toString()
        .padStart(precision ?? 0, '0');
    case 'x':
      return BigInt(Math.trunc(value)).toString(16);
    case 'X':
      return BigInt(Math.trunc(value)).toString(16).toUpperCase();
    case 'o':
      return BigInt(Math.trunc(value)).toString(8);
    case 'f':
    case 'F':
      return value.toFixed(precision ?? 6);
    case 'e':
    case 'E': {
      const small = exponent(value.toExponential(precision ?? 6));
      return conversion === 'E' ? small.toUpperCase() : small;
    }
    case 's':
      return String(value);
    default: {
      const short = general(value, precision ?? 6);
      return conversion === 'G' ? short.toUpperCase() : short;
    }
  }
}

/** C writes at least two digits of the exponent. */
function exponent(written: string): string {
  return written.replace(/e([+-])(\d)$/, 'e$10$2');
}

/** %g: the shorter of %e and %f, without zeros at the end (C17 7.21.6.1). */
function general(value: number, precision: number): string {
  const significant = Math.max(1, precision);
  if (value === 0) return '0';
  const power = Number(value.toExponential(significant - 1).split('e')[1]);
  if (power < -4 || power >= significant) {
    const [mantissa, rest] = value.toExponential(significant - 1).split('e') as [string, string];
    return exponent(`${trimZeros(mantissa)}e${rest}`);
  }
  return trimZeros(value.toFixed(significant - 1 - power));
}

function trimZeros(digits: string): string {
  return digits.includes('.') ? digits.replace(/\.?0+$/, '') : digits;
}
