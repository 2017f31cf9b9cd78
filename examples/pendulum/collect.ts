/** Writes `collected`: each pendulum's period beside that of the formula for small swings. */
export const begin = (): string => 'place\tlength\tamplitude\tperiod\tperiod / small swing\n';

export default function collect(
  { place, gravity, length, amplitude }: Record<string, string>,
  { period }: Record<string, string>,
): string {
  const small = 2 * Math.PI * Math.sqrt(Number(length) / Number(gravity));
  const ratio = (Number(period) / small).toFixed(5);
  return `${[place, length, amplitude, period!.trim(), ratio].join('\t')}\n`;
}
