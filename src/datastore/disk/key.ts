/** What an entry is called: the key as it is kept, and the hash that names its files. */
import { createHash } from 'node:crypto';
import { datastoreErrors } from '../errors.ts';
import type { Login } from '../transport.ts';

/** Longer ones are no addresses; it also bounds what a `.key` file may hold. */
const MOST_KEY_BYTES = 8192;

export interface EntryName {
  /** Without user information and fragment, so without secrets. */
  readonly key: string;
  readonly owner: string;
  /** SHA-256 of owner and key, in hex. */
  readonly hash: string;
}

/**
 * Throws DATA_KEY_WRONG. URLs are written as WHATWG has them, so that one address is one key; the
 * fragment never leaves a client and names no other bytes.
 */
export function entryName(key: string, owner = ''): EntryName {
  const reason = faultOf(key) ?? (/[\0\n]/.test(owner) ? 'its owner has control characters' : null);
  if (reason !== null) throw datastoreErrors.create('DATA_KEY_WRONG', { key: shown(key), reason });
  const text = publicForm(key);
  const hash = createHash('sha256').update(owner === '' ? text : `${owner}\0${text}`);
  return { key: text, owner, hash: hash.digest('hex') };
}

function faultOf(key: string): string | null {
  if (key === '') return 'it is empty';
  if (Buffer.byteLength(key) > MOST_KEY_BYTES) return `it has more than ${MOST_KEY_BYTES} bytes`;
  if (/[\u0000-\u001f\u007f]/.test(key)) return 'it has control characters';
  return /^https?:/i.test(key) && !URL.canParse(key) ? 'it is no URL' : null;
}

function shown(key: string): string {
  return JSON.stringify(withoutLogin(key.slice(0, 200))).slice(1, -1);
}

/** An address without the user information in it, also where it is no proper URL. */
export function withoutLogin(text: string): string {
  return text.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, '$1');
}

function publicForm(key: string): string {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(key) || !URL.canParse(key)) return key;
  const url = new URL(key);
  url.username = '';
  url.password = '';
  url.hash = '';
  return withoutLogin(url.href);
}

/** The user information of an address: for one request, kept nowhere. */
export function loginOf(address: string): Login | null {
  if (!URL.canParse(address)) return null;
  const { username, password } = new URL(address);
  if (username === '' && password === '') return null;
  return { user: decoded(username), password: decoded(password) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
