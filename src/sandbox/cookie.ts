import { randomBytes } from 'node:crypto';

/**
 * The one variable that both starters add to a program's environment: a value no other start has.
 * Processes that left the program's session and lost their parent are still known by it.
 */
export const COOKIE_VARIABLE = 'WINDROW_START';

/** Gives each start a value of its own: 96 random bits for the starter, then a count. */
export function createCookies(prefix = randomBytes(12).toString('hex')): () => string {
  let count = 0;
  return () => `${prefix}.${++count}`;
}
