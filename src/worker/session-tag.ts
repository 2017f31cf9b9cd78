import { createHash } from 'node:crypto';

/** Eight hex digits by which sessions are told apart in names; nothing of the secret shows in them. */
export function sessionTag(session: string): string {
  return createHash('sha256').update(session).digest('hex').slice(0, 8);
}
