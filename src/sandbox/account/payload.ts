/**
 * Jobs of several people on a worker that is root: each runs under the account that the machine's
 * administrator gives their owner. Who the owner is, the server says.
 */
import type { Isolation } from '#model';
import { sandboxErrors } from '../errors.ts';
import type { Account, Ground } from '../walls/ground.ts';
import { findAccount } from './accounts.ts';

/** In an account's name: the owner's. `%` alone is for machines that share their accounts with the server. */
const OWNER = '%';
/** Accounts of people begin there, of services before it (login.defs(5), UID_MIN); nobody is neither. */
const FIRST_PERSON = 1000;
const NOBODY = 65_534;

/** Null: nothing is said of this owner, who then runs as everybody does. */
export function accountNameFor(
  owner: string,
  payload: Readonly<Record<string, string>>,
): string | null {
  return patternFor(owner, payload)?.replaceAll(OWNER, () => owner) ?? null;
}

function patternFor(owner: string, payload: Readonly<Record<string, string>>): string | null {
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
  if (account !== null && isMeant(account, patternFor(owner, settings.payload)!)) return account;
  throw sandboxErrors.create('PAYLOAD_ACCOUNT_MISSING', {
    owner: owner || '(not said)',
    account: name,
  });
}

/** Whoever submits chooses his name: he is not to choose the account of a service. */
function isMeant({ uid }: Account, pattern: string): boolean {
  return !pattern.includes(OWNER) || (uid >= FIRST_PERSON && uid !== NOBODY);
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
