import type { RuleEvent } from './event-ad.ts';
import { type Action, FinalFailure } from './outbox.ts';

const TIMEOUT_MS = 10_000;
/** Of those that say no, they may say yes a moment later. */
const PASSING = new Set([408, 425, 429]);

/**
 * Posts `{"rule": …, "leftOut": n, "event": {…}}`. Redirections are not followed: they would carry
 * the token elsewhere.
 * @param token `''`: none
 */
export function webhook(rule: string, url: string, token: string): Action {
  const authorization = token === '' ? {} : { authorization: `Bearer ${token}` };
  return {
    what: `post to ${new URL(url).origin}`,
    async act(event: RuleEvent, leftOut: number, signal: AbortSignal): Promise<void> {
      const response = await fetch(url, {
        method: 'POST',
        redirect: 'manual',
        headers: { 'content-type': 'application/json', ...authorization },
        body: JSON.stringify({ rule, leftOut, event }),
        signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
      });
      await response.body?.cancel();
      const { status } = response;
      if (response.ok) return;
      if (status >= 500 || PASSING.has(status)) throw new Error(`HTTP ${status}`);
      throw new FinalFailure(`HTTP ${status}`);
    },
  };
}
