/** A `WindrowError` on its way through HTTP: `application/problem+json` (RFC 9457). */
import { type Facts, WindrowError } from '#base';

export const PROBLEM_TYPE = 'application/problem+json';

/** `type` is left out: it would only repeat `code`. */
export interface Problem {
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly todo: string;
  readonly facts: Facts;
}

const MOST_CHARACTERS = 4000;
const MOST_FACTS = 100;

/** What of an error others may see: never its stack or its cause. */
export function problemOf(error: WindrowError): Problem {
  return {
    title: error.code.toLowerCase().replaceAll('_', ' '),
    status: error.status,
    code: error.code,
    detail: error.message,
    todo: error.todo,
    facts: error.facts,
  };
}

/**
 * The error that the other side had, with code, message, todo and facts as there; undefined when
 * `json` is no problem of ours. Nothing of it is trusted: text is cut and cleaned, because it ends
 * on a terminal.
 */
export function errorOfProblem(json: unknown, status: number): WindrowError | undefined {
  if (typeof json !== 'object' || json === null) return undefined;
  const { code, detail, todo, facts } = json as Record<string, unknown>;
  if (typeof code !== 'string' || !/^[A-Z][A-Z0-9_]{1,63}$/.test(code)) return undefined;
  return new WindrowError({
    code,
    message: cleanText(detail) || code,
    todo: cleanText(todo),
    status,
    facts: cleanFacts(facts),
  });
}

/** Text of the other side for people: bounded, control characters replaced. */
export function cleanText(value: unknown, most = MOST_CHARACTERS): string {
  if (typeof value !== 'string') return '';
  return value
    .slice(0, most)
    .replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '\ufffd')
    .trim();
}

function cleanFacts(value: unknown): Facts {
  if (typeof value !== 'object' || value === null) return {};
  const facts: Facts = Object.create(null);
  for (const [name, fact] of Object.entries(value).slice(0, MOST_FACTS)) {
    if (typeof fact === 'string') facts[name] = cleanText(fact);
    else if (fact === null || typeof fact === 'number' || typeof fact === 'boolean') {
      facts[name] = fact;
    }
  }
  return facts;
}
