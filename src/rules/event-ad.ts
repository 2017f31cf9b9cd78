import { type Ad, adOfValues, type Plain, real } from '#classad';

/** Something that happened, as `GET /v1/events` tells it. */
export interface RuleEvent extends Readonly<Record<string, unknown>> {
  readonly kind: string;
}

/** The event as an ad: every field that is text, a number, true or false, or nothing. */
export function adOfEvent(event: RuleEvent): Ad {
  const values: Record<string, Plain> = {};
  for (const [name, value] of Object.entries(event)) {
    const plain = plainOf(value);
    if (plain !== null) values[name] = plain;
  }
  return adOfValues(values);
}

function plainOf(value: unknown): Plain | null {
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value !== 'number') return null;
  return Number.isSafeInteger(value) ? value : real(value);
}
