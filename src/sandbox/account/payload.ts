/**
 * Jobs of several people on a worker that is root: each runs under the account that the machine's
 * administrator gives their owner. Who the owner is, the server says.
 */
import type { Isolation } from '#model';
import { sandboxErrors } from '../errors.ts';
import type { Account, Ground } from '../walls/ground.ts';
import { findAccount } from './accounts.ts';

/** Null: nothing is said of this owner, who then runs as everybody does. */
export function accountNameFor(
  owner: string,
  payload: Readonly<Record<string, string>>,
): string | null {
  if (owner !== '' && Object.hasOwn(payload, owner)) return payload[owner]!;
  return payload['*'] ?? null;
}

/** Throws PAYLOAD_ACCOUNT_MISSING: a job is not run as somebody else because its account is gone. */
export async function payloadAccount(
  owner: string,
  { settings }: Pick<Ground, 'settings'>,
): Promise<Account | null> {
  const name = accountNameFor(owner, settings.payload);
  if (name === null) return null;
  const account = await findAccount(name);
  if (account !== null) return account;
  throw sandboxErrors.create('PAYLOAD_ACCOUNT_MISSING', {
    owner: owner || '(not said)',
    account: name,
  });
}

/** Under no other account than this one, or not at all. */
export function underAccount(
  isolation: Isolation,
  payload: Account | null,
  { uid }: Pick<Ground, 'uid'>,
): Isolation {
  if (payload === null || payload.uid === uid) return isolation;
  return { ...isolation, require: [...isolation.require, 'account'] };
}
